// Exact frame rates: 24, 29.97 (= 2997/100), 30000/1001.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace soragen {

struct Rational {
  int64_t num = 0;
  int64_t den = 1;
  double value() const { return static_cast<double>(num) / static_cast<double>(den); }
  bool operator==(const Rational&) const = default;
};

// "24", "23.976" (read as 2997/125) or "30000/1001", in lowest terms. Throws Error{usage} unless
// the value lies in (0, 1000] and num and den stay below 10^7.
Rational parse_frame_rate(std::string_view text);
std::string to_string(const Rational& rate);  // "24" or "30000/1001"

}  // namespace soragen
