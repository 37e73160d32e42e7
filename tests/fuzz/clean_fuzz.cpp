// Any bytes as a prompt. What comes out of cleaning is UTF-8.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/fail.h"
#include "fuzz/outcome.h"
#include "text/clean.h"
#include "text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace soragen;
  test::expect_accepted_or_refused([&] {
    const std::string cleaned = text::clean_prompt({reinterpret_cast<const char*>(data), size});
    SORAGEN_ASSERT(text::find_invalid_utf8(cleaned) == std::string_view::npos);
  });
  return 0;
}
