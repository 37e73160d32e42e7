#include "pipeline/lever_options.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <string_view>

namespace soragen::pipeline {
namespace {

constexpr double kMaxStrength = 100;
constexpr std::string_view kReuse = ":reuse";

// Takes a finite number off the front of the text.
std::optional<double> take_number(std::string_view& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

}  // namespace

std::optional<GuidanceInterval> parse_guidance_interval(const std::string& text) {
  std::string_view rest = text;
  GuidanceInterval interval;
  interval.reuse = rest.ends_with(kReuse);
  if (interval.reuse) rest.remove_suffix(kReuse.size());
  const auto begin = take_number(rest);
  if (!begin || !rest.starts_with('-')) return std::nullopt;
  rest.remove_prefix(1);
  const auto end = take_number(rest);
  if (!end || !rest.empty() || !(0 <= *begin && *begin < *end && *end <= 1)) return std::nullopt;
  interval.begin = *begin;
  interval.end = *end;
  return interval;
}

std::string to_string(const GuidanceInterval& interval) {
  return fmt::format("{}-{}{}", interval.begin, interval.end, interval.reuse ? kReuse : "");
}

std::optional<LoraChoice> parse_lora_choice(std::string text) {
  LoraChoice lora;
  for (const std::string expert : {"high", "low"})
    if (text.ends_with("@" + expert)) {
      lora.expert = expert;
      text.resize(text.size() - expert.size() - 1);
      break;
    }
  if (const size_t colon = text.rfind(':'); colon != std::string::npos) {
    std::string_view rest = std::string_view(text).substr(colon + 1);
    if (const auto strength = take_number(rest); strength && rest.empty()) {
      if (std::abs(*strength) > kMaxStrength) return std::nullopt;
      lora.strength = *strength;
      text.resize(colon);
    }
  }
  if (text.empty()) return std::nullopt;
  lora.file = std::move(text);
  return lora;
}

std::string to_string(const LoraChoice& lora) {
  // The strength even where it is 1: a name that ends in a colon and a number stays a name.
  return fmt::format("{}:{}{}{}", lora.file, lora.strength, lora.expert.empty() ? "" : "@", lora.expert);
}

}  // namespace soragen::pipeline
