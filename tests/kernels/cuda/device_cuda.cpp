#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include "kernels/device/ptx/check_cuda.h"
#include "tests/kernels/cuda/device.h"

namespace soragen::kernels {

std::string why_no_device() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0)
    return std::string("no CUDA device: ") + (status == cudaSuccess ? "none is installed" : cudaGetErrorString(status));
  // ATen's CUDA kernels register themselves as their library is loaded.
  if (!dlopen(SORAGEN_TORCH_CUDA, RTLD_NOW | RTLD_GLOBAL)) return std::string("no CUDA half of LibTorch: ") + dlerror();
  return {};
}

at::DeviceType device_type() { return at::DeviceType::CUDA; }

Card this_card() {
  cudaDeviceProp found;
  check_cuda(cudaGetDeviceProperties(&found, 0), "read the card's properties");
  return {.capability = found.major * 10 + found.minor,
          .shared_bytes_per_block = static_cast<int>(found.sharedMemPerBlockOptin),
          .shared_bytes_per_multiprocessor = static_cast<int>(found.sharedMemPerMultiprocessor)};
}

void finish(const std::string& name) { check_cuda(cudaDeviceSynchronize(), ("finish " + name).c_str()); }

}  // namespace soragen::kernels
