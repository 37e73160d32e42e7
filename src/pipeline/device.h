// Brings the device of a plan to life, before the first tensor on it.
#pragma once

#include "pipeline/plan.h"

namespace soragen::pipeline {

// Nothing for a plan on the processor. For one on a card: LibTorch's CUDA half is loaded and the plug-in's kernels are
// installed; their self-tests run if --attention names one of them. Throws Error{unsupported} with the reason.
void prepare_device(const Plan& plan);

}  // namespace soragen::pipeline
