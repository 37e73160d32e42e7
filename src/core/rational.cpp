#include "soragen/rational.h"

#include <charconv>
#include <numeric>

#include "core/fail.h"

namespace soragen {
namespace {

constexpr int64_t kMaxTerm = 10'000'000;  // what MP4 time scales and libav's 32-bit rationals hold with room to spare

bool parse_digits(std::string_view text, int64_t& value) {
  if (text.empty() || text.size() > 9) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0;
}

bool parse_terms(std::string_view text, Rational& rate) {
  if (const size_t slash = text.find('/'); slash != std::string_view::npos)
    return parse_digits(text.substr(0, slash), rate.num) && parse_digits(text.substr(slash + 1), rate.den);
  const size_t dot = text.find('.');
  rate.den = 1;
  if (dot == std::string_view::npos) return parse_digits(text, rate.num);
  const std::string_view fraction = text.substr(dot + 1);
  int64_t whole = 0, part = 0;
  if (fraction.size() > 4 || !parse_digits(text.substr(0, dot), whole) || !parse_digits(fraction, part)) return false;
  for (size_t i = 0; i < fraction.size(); ++i) rate.den *= 10;
  rate.num = whole * rate.den + part;
  return true;
}

}  // namespace

Rational parse_frame_rate(std::string_view text) {
  Rational rate;
  const bool parsed = parse_terms(text, rate) && rate.den > 0 && rate.num > 0;
  if (parsed) {
    const int64_t divisor = std::gcd(rate.num, rate.den);
    rate = {rate.num / divisor, rate.den / divisor};
  }
  if (!parsed || rate.num > kMaxTerm || rate.den > kMaxTerm || rate.value() > 1000)
    fail(ErrorKind::usage,
         "frame rate '{}' is not valid; use a number above 0 and at most 1000, e.g. 16, 23.976 or 30000/1001", text);
  return rate;
}

std::string to_string(const Rational& rate) {
  return rate.den == 1 ? fmt::format("{}", rate.num) : fmt::format("{}/{}", rate.num, rate.den);
}

}  // namespace soragen
