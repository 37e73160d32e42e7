// Memory and placement by stage: the part of make_plan that depends on the machine.
#pragma once

#include "pipeline/plan.h"

namespace soragen::pipeline {

// Where and in what precision each stage computes. Throws Error{unsupported} with the reason.
void choose_targets(Plan& plan, const Request& request, const Hardware& hardware);

// Fills in the stages, the decoder's options and the placement of blocks within plan.memory_limit and, on a card,
// plan.card_limit. Throws Error{resource} saying what is needed.
void plan_stages(Plan& plan, const families::Family& family, const families::ModelSpec& spec);

std::string dtype_name(const nn::Target& target);

}  // namespace soragen::pipeline
