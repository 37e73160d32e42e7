// The CUDA card for `soragen doctor`: what was found, and which kernels passed their self-test on it.
#pragma once

#include "core/json.h"

namespace soragen::pipeline {

// {"problem": ...} without a card; else name, capability, memory, free_memory, driver, plugin, self_tests, and a
// problem if LibTorch's CUDA half does not come up. To be called before anything else asks LibTorch about CUDA.
Json examine_card();

}  // namespace soragen::pipeline
