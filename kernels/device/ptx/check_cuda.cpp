#include "kernels/device/ptx/check_cuda.h"

#include "core/fail.h"

namespace soragen::kernels {

void check_cuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  const ErrorKind kind = status == cudaErrorMemoryAllocation         ? ErrorKind::resource
                         : status == cudaErrorNoKernelImageForDevice ? ErrorKind::unsupported
                                                                     : ErrorKind::internal;
  fail(kind, "CUDA could not {}: {} ({})", what, cudaGetErrorString(status), cudaGetErrorName(status));
}

}  // namespace soragen::kernels
