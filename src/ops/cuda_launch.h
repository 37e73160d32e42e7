// How a front door of ops starts a fused kernel of the CUDA plug-in, where one serves (the rule: cuda_kernels.h).
#pragma once

#include "ops/cuda_kernels.h"

namespace soragen::ops {

// launch(T{}, table, stream, failure), T being x's element type, returns whether the kernel takes its arguments.
// False: nothing was done.
template <typename Launch>
bool launched(CudaKernel kernel, const at::Tensor& x, Launch&& launch) {
  if (!why_not(kernel, x).empty()) return false;
  kernels::CudaFailure failure;
  const kernels::Stream stream = stream_of(x);
  const auto run = [&](auto element) {
    return launch(element, fused_cuda_kernels<decltype(element)>(), stream, failure);
  };
  const bool done = x.scalar_type() == at::kFloat      ? run(float{})
                    : x.scalar_type() == at::kBFloat16 ? run(kernels::Bf16{})
                    : x.scalar_type() == at::kHalf     ? run(kernels::Half{})
                                                       : false;
  check_launch(failure);
  return done;
}

}  // namespace soragen::ops
