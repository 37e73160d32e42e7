#include "kernels/device/ptx/tensor_map.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstring>

#include "core/fail.h"
#include "kernels/device/ptx/check_cuda.h"

namespace soragen::kernels {
namespace {

using Encode = decltype(&cuTensorMapEncodeTiled);

// Asked of the driver at run time: linking libcuda would keep the program from starting where there is no driver.
Encode encoder() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
  check_cuda(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found),
             "ask the driver for tensor maps");
  if (found != cudaDriverEntryPointSuccess || !function)
    fail(ErrorKind::unsupported, "the NVIDIA driver has no cuTensorMapEncodeTiled; one for CUDA 12 or newer has it");
  return reinterpret_cast<Encode>(function);
}

}  // namespace

TensorMap make_tensor_map(const TensorBoxes& boxes) {
  static const Encode encode = encoder();
  static_assert(sizeof(CUtensorMap) == sizeof(TensorMap));
  cuuint64_t size[4], stride[3];
  for (int i = 0; i < 4; ++i) size[i] = static_cast<cuuint64_t>(boxes.size[i]);
  for (int i = 0; i < 3; ++i) stride[i] = static_cast<cuuint64_t>(boxes.stride_bytes[i]);
  const cuuint32_t box[4] = {kBoxNumbers, static_cast<cuuint32_t>(boxes.rows), 1, 1}, steps[4] = {1, 1, 1, 1};
  CUtensorMap encoded;
  const CUresult status =
      encode(&encoded, CU_TENSOR_MAP_DATA_TYPE_UINT16, 4, const_cast<void*>(boxes.data), size, stride, box, steps,
             CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);  // NONE is zeros
  if (status != CUDA_SUCCESS)
    fail(ErrorKind::internal,
         "the driver refused a tensor map of [{}, {}, {}, {}] numbers with strides {}, {}, {} bytes: "
         "error {}",
         size[3], size[2], size[1], size[0], stride[2], stride[1], stride[0], static_cast<int>(status));
  TensorMap map;
  std::memcpy(&map, &encoded, sizeof(map));
  return map;
}

}  // namespace soragen::kernels
