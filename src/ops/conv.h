// Convolutions over channels-last frames.
//
// Frames are dense [T, H, W, C]: a frame is one block of memory, so a causal convolution's past is simply
// the memory in front, and oneDNN's channels-last kernels run without reordering (2x over [C, T, H, W] on
// 96 channels at 128x128, fp32, 2 cores).
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

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
//
// In float32 a 3x3x3 filter over two or more frames runs as Winograd's F(4, 3) and F(2, 3) along time: half
// or two thirds of the products. In bfloat16 it does not: transformed frames and products would each be
// rounded to 8 bits before they cancel.
class CausalConv3dWeight {
 public:
  CausalConv3dWeight(at::Tensor weight, at::Tensor bias);
  at::Tensor apply(const at::Tensor& past_and_frames) const;
  // One frame without a past: only the last tap meets a frame, a third of the work for kT = 3.
  at::Tensor apply_first(const at::Tensor& frame) const;

  int64_t past() const { return weight_.size(2) - 1; }
  int64_t in_channels() const { return weight_.size(1); }

 private:
  const at::Tensor& direct() const;
  const std::vector<at::Tensor>& filters(int outputs) const;  // Winograd's, [Cout, Cin, 3, 3] each
  void apply_winograd(const at::Tensor& window, int outputs, at::Tensor out) const;

  at::Tensor weight_, bias_;
  // The forms that a film's chunk lengths ask for, made at first use.
  mutable at::Tensor direct_;
  mutable std::vector<at::Tensor> filters4_, filters2_;
};

}  // namespace soragen::ops
