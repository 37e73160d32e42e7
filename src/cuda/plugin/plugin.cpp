// libsoragen_cuda.so: its one exported function, the driver and the card.
#include <cuda_runtime_api.h>

#include <cstdio>

#include "cuda/kernel_table.h"
#include "soragen/error.h"

namespace soragen::cuda {
namespace {

using namespace kernels;

void examine_driver(CudaDriver* found) {
  *found = {};
  found->needed = CUDART_VERSION;
  cudaDriverGetVersion(&found->version);  // 0 without a driver, and no error
  const cudaError_t status = cudaGetDeviceCount(&found->devices);
  cudaGetLastError();  // the runtime would report it again at the next call
  if (status == cudaSuccess) return;
  found->devices = 0;
  found->status = static_cast<int>(status);
  std::snprintf(found->problem, sizeof found->problem, "%s", cudaGetErrorString(status));
}

void examine_card(int device, CudaCard* found, CudaFailure* failure) {
  *found = {};
  cudaDeviceProp properties{};
  size_t free_bytes = 0, total_bytes = 0;
  cudaError_t status = cudaGetDeviceProperties(&properties, device);
  if (status == cudaSuccess) status = cudaSetDevice(device);
  if (status == cudaSuccess) status = cudaMemGetInfo(&free_bytes, &total_bytes);
  if (status != cudaSuccess) {
    cudaGetLastError();
    return report_failure(*failure, static_cast<int>(ErrorKind::resource), cudaGetErrorString(status));
  }
  std::snprintf(found->name, sizeof found->name, "%s", properties.name);
  found->card = {.capability = 10 * properties.major + properties.minor,
                 .shared_bytes_per_block = static_cast<int>(properties.sharedMemPerBlockOptin),
                 .shared_bytes_per_multiprocessor = static_cast<int>(properties.sharedMemPerMultiprocessor)};
  found->memory = static_cast<int64_t>(total_bytes);
  found->free_memory = static_cast<int64_t>(free_bytes);
}

}  // namespace
}  // namespace soragen::cuda

extern "C" __attribute__((visibility("default"))) const soragen::kernels::CudaPlugin* soragen_cuda_plugin() {
  static const soragen::kernels::CudaPlugin plugin = [] {
    soragen::kernels::CudaPlugin table = soragen::cuda::kernel_table();
    table.torch = SORAGEN_TORCH_VERSION;
    table.driver = soragen::cuda::examine_driver;
    table.card = soragen::cuda::examine_card;
    return table;
  }();
  return &plugin;
}
