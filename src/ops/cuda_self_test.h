// The self-tests of the plug-in's kernels: small random problems on the device against the specifications in host
// memory, within bounds that follow from the number formats.
#pragma once

#include "ops/cuda_kernels.h"

namespace soragen::ops {

std::vector<CudaKernelTest> run_cuda_self_tests(const CudaKernelSet& set);

}  // namespace soragen::ops
