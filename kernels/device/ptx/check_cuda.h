// CUDA's errors as soragen::Error; apart from launch.h so that {fmt} stays away from nvcc.
#pragma once

#include <cuda_runtime_api.h>

namespace soragen::kernels {

// Throws unless `status` is success; `what` says what was tried.
void check_cuda(cudaError_t status, const char* what);

}  // namespace soragen::kernels
