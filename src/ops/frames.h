// What a video decoder does to frames beside its layers: the past of a causal convolution, and bytes of a picture. A
// CUDA kernel serves by the rule of ops/cuda_kernels.h, else ATen on every device.
#pragma once

#include <ATen/core/Tensor.h>

namespace soragen::ops {

// The past of a convolution that is causal in time, for a buffer [past + T, H, W, C], dense, whose new frames stand
// behind the first `past` places. Those become the cache's frames, and the cache the buffer's last `past` ones, for
// the frames to come. An undefined cache is the start of a film: zeros go in front and the cache is made.
// See kernels/causal_cache/causal_cache.h.
void exchange_past(const at::Tensor& buffer, int64_t past, at::Tensor& cache);

// Values [T, H, W, 3] in [-1, 1] -> bytes [T, H, W, 3], dense, on the same device: values outside are clamped, halves
// rounded to even. See kernels/rgb8/rgb8.h.
at::Tensor rgb8(const at::Tensor& values);

}  // namespace soragen::ops
