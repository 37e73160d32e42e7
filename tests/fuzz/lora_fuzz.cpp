// A LoRA file. What is accepted must have a finite factor and tensors that lie inside the file.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/fail.h"
#include "fuzz/outcome.h"
#include "weights/lora.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace soragen;
  const auto file = std::as_bytes(std::span(data, size));
  test::expect_accepted_or_refused([&] {
    const weights::Lora lora = weights::parse_lora(weights::parse_safetensors(file, "fuzz"), "fuzz");
    SORAGEN_ASSERT(!lora.terms.empty());
    unsigned sum = 0;  // AddressSanitizer sees a read outside the input
    for (const weights::LoraTerm& term : lora.terms) {
      SORAGEN_ASSERT(std::isfinite(term.delta.scale) && !term.target.empty());
      for (const weights::TensorView* tensor : {&term.delta.up, &term.delta.down, &term.delta.full})
        for (const std::byte byte : tensor->bytes) sum += static_cast<unsigned>(byte);
    }
    volatile unsigned keep = sum;
    static_cast<void>(keep);
  });
  return 0;
}
