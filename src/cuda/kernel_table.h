// The kernels as the plug-in's C functions: whatever one throws becomes a CudaFailure.
#pragma once

#include "kernels/cuda_plugin.h"

namespace soragen::cuda {

// Everything but the driver and the card.
kernels::CudaPlugin kernel_table();

void report_failure(kernels::CudaFailure& failure, int kind, const char* message);

}  // namespace soragen::cuda
