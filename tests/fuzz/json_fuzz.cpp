// JSON from outside: configs, requests, index files. What is accepted must survive a round trip.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/fail.h"
#include "core/json.h"
#include "fuzz/outcome.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace soragen;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  test::expect_accepted_or_refused([&] {
    const Json value = parse_json(text, "fuzz");
    SORAGEN_ASSERT(parse_json(value.dump(), "round trip") == value);
    const JsonObject object(value, "fuzz");
    for (const auto& [key, member] : value.items()) {
      test::expect_accepted_or_refused([&] { object.integer(key, 1, 1 << 20); });
      test::expect_accepted_or_refused([&] { object.number(key); });
      test::expect_accepted_or_refused([&] { object.boolean_or(key, false); });
      test::expect_accepted_or_refused([&] { object.string(key); });
      test::expect_accepted_or_refused([&] { object.integers(key, 1, 1 << 20); });
      test::expect_accepted_or_refused([&] { object.numbers(key); });
      test::expect_accepted_or_refused([&] { object.booleans(key); });
    }
  });
  return 0;
}
