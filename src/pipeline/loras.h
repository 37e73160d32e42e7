// The LoRA files of a plan: found, hashed, and their keys and shapes checked against the model before any work.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "families/family.h"
#include "soragen/request.h"

namespace soragen::pipeline {

struct PlannedLora {
  LoraChoice choice;
  std::string sha256;  // of the file
};

// Error{usage} where an expert is named that the checkpoint does not have, Error{input} for files that do not fit.
std::vector<PlannedLora> plan_loras(const std::vector<LoraChoice>& choices, const families::ModelSpec& spec);

// Those of a film's record (make_record), for its decoding, which needs none of the files. Error{input}.
std::vector<PlannedLora> recorded_loras(const Json& record, const std::string& where);

std::vector<families::Adapter> adapters_for(const std::vector<PlannedLora>& loras, diffusion::Expert expert);

}  // namespace soragen::pipeline
