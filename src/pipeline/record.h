// What a film says about its making: the resolved plan, the model and its hash, versions, timings.
#pragma once

#include "families/family.h"
#include "pipeline/plan.h"

namespace soragen::pipeline {

Json make_record(const Plan& plan, const families::ModelSpec& spec, const Json& timings);

}  // namespace soragen::pipeline
