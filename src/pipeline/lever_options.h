// The values of --lora and --guidance-interval as text, both ways.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "soragen/request.h"

namespace soragen::pipeline {

// A-B or A-B:reuse, shares of the steps with 0 <= A < B <= 1. Nothing: not valid.
std::optional<GuidanceInterval> parse_guidance_interval(const std::string& text);
std::string to_string(const GuidanceInterval& interval);

// FILE[:STRENGTH][@high|@low]. What stands after the last colon is a strength if it is a number, else part of the name.
std::optional<LoraChoice> parse_lora_choice(std::string text);
std::string to_string(const LoraChoice& lora);

}  // namespace soragen::pipeline
