// Convolutions over channels-last frames.
//
// Frames are dense [T, H, W, C]: a frame is one block of memory, so a causal convolution's past is simply
// the memory in front, and oneDNN's channels-last kernels run without reordering (2x over [C, T, H, W] on
// 96 channels at 128x128, fp32, 2 cores).
#pragma once

#include <ATen/core/Tensor.h>

namespace soragen::ops {

// 3x3 over each frame, zero padding 1: [T, H, W, Cin] -> [T, H, W, Cout]. weight [Cout, Cin, 3, 3].
struct Conv2dWeight {
  Conv2dWeight(const at::Tensor& weight, at::Tensor bias);
  at::Tensor apply(const at::Tensor& frames) const;
  at::Tensor weight, bias;
};

// The same after doubling height and width by repetition, without making the doubled frames:
// output pixels of equal parity see a 2x2 kernel whose weights are sums of the 3x3's, so the product
// shrinks to 16/36. Exact but for the rounding of the sums.
struct UpsampleConv2dWeight {
  UpsampleConv2dWeight(const at::Tensor& weight, at::Tensor bias);
  at::Tensor apply(const at::Tensor& frames) const;  // [T, H, W, Cin] -> [T, 2H, 2W, Cout]
  at::Tensor weight, bias;                           // [4 Cout, Cin, 2, 2], [4 Cout]
};

// kT x k x k with the past in front: [kT - 1 + T, H, W, Cin] -> [T, H, W, Cout], zero padding k / 2 in
// space. weight [Cout, Cin, kT, k, k].
struct CausalConv3dWeight {
  CausalConv3dWeight(const at::Tensor& weight, at::Tensor bias);
  at::Tensor apply(const at::Tensor& past_and_frames) const;
  // One frame without a past: only the last tap meets a frame, a third of the work for kT = 3.
  at::Tensor apply_first(const at::Tensor& frame) const;
  int64_t past() const { return weight.size(2) - 1; }
  at::Tensor weight, bias;
};

}  // namespace soragen::ops
