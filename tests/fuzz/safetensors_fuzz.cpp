// A safetensors file. What is accepted must lie inside the file, and every byte of it must be readable.
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/fail.h"
#include "fuzz/outcome.h"
#include "weights/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace soragen;
  const auto file = std::as_bytes(std::span(data, size));
  test::expect_accepted_or_refused([&] {
    const weights::Safetensors read = weights::parse_safetensors(file, "fuzz");
    unsigned sum = 0;  // AddressSanitizer sees a read outside the input
    for (const auto& [name, tensor] : read.tensors) {
      size_t bytes = weights::size_of(tensor.dtype);
      for (const int64_t extent : tensor.shape) bytes *= static_cast<size_t>(extent);
      SORAGEN_ASSERT(bytes == tensor.bytes.size());
      for (const std::byte byte : tensor.bytes) sum += static_cast<unsigned>(byte);
    }
    volatile unsigned keep = sum;
    static_cast<void>(keep);
  });
  return 0;
}
