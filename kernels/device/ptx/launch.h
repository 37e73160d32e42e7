// A launch on the device.
#pragma once

#include "kernels/device/launch_shape.h"
#include "kernels/device/ptx/check_cuda.h"

namespace soragen::kernels {

template <auto kernel, typename... Arguments>
void launch(const LaunchShape& shape, Stream stream, const Arguments&... arguments) {
  // Up to 48 KiB need no asking.
  if (shape.shared_bytes > 48 * 1024)
    check_cuda(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shape.shared_bytes)),
        "reserve shared memory for a kernel");
  const dim3 grid(static_cast<unsigned>(shape.grid.x), static_cast<unsigned>(shape.grid.y),
                  static_cast<unsigned>(shape.grid.z));
  kernel<<<grid, static_cast<unsigned>(shape.threads), shape.shared_bytes, stream>>>(arguments...);
  check_cuda(cudaGetLastError(), "launch a kernel");
}

}  // namespace soragen::kernels
