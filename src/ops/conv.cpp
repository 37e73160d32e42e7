#include "ops/conv.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include "core/fail.h"

namespace soragen::ops {
namespace {

at::Tensor conv_frames_2d(const at::Tensor& frames, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor x = frames.permute({0, 3, 1, 2});  // [T, C, H, W] in channels-last order
  return at::conv2d(x, weight, bias, /*stride=*/1, /*padding=*/1).permute({0, 2, 3, 1}).contiguous();
}

at::Tensor conv_frames_3d(const at::Tensor& frames, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor x = frames.permute({3, 0, 1, 2}).unsqueeze(0);  // [1, C, T, H, W] in channels-last order
  const std::vector<int64_t> padding = {0, weight.size(3) / 2, weight.size(4) / 2};
  return at::conv3d(x, weight, bias, {1, 1, 1}, padding).squeeze(0).permute({1, 2, 3, 0}).contiguous();
}

// The two taps that output rows of one parity see, from three: index 0 holds even rows.
at::Tensor fold_rows(const at::Tensor& weight, int64_t dim, int parity) {
  const at::Tensor a = weight.select(dim, 0), b = weight.select(dim, 1), c = weight.select(dim, 2);
  return parity == 0 ? at::stack({a, b + c}, dim) : at::stack({a + b, c}, dim);
}

}  // namespace

Conv2dWeight::Conv2dWeight(const at::Tensor& weight, at::Tensor bias)
    : weight(weight.contiguous(at::MemoryFormat::ChannelsLast)), bias(std::move(bias)) {}

at::Tensor Conv2dWeight::apply(const at::Tensor& frames) const { return conv_frames_2d(frames, weight, bias); }

UpsampleConv2dWeight::UpsampleConv2dWeight(const at::Tensor& weight, at::Tensor bias) {
  SORAGEN_ASSERT(weight.size(2) == 3 && weight.size(3) == 3);
  const at::Tensor wide = weight.to(at::kFloat);
  std::vector<at::Tensor> parities;
  for (int row = 0; row < 2; ++row)
    for (int column = 0; column < 2; ++column) parities.push_back(fold_rows(fold_rows(wide, 2, row), 3, column));
  this->weight = at::cat(parities).to(weight.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
  this->bias = at::cat({bias, bias, bias, bias});
}

at::Tensor UpsampleConv2dWeight::apply(const at::Tensor& frames) const {
  const int64_t t = frames.size(0), h = frames.size(1), w = frames.size(2), channels = weight.size(0) / 4;
  // Padding 1 on all sides gives one row and column more than each parity needs; each takes its window.
  const at::Tensor all = conv_frames_2d(frames, weight, bias);  // [T, H + 1, W + 1, 4 C]
  at::Tensor out = at::empty({t, 2 * h, 2 * w, channels}, frames.options());
  const at::Tensor by_parity = out.view({t, h, 2, w, 2, channels});
  for (int64_t row = 0; row < 2; ++row)
    for (int64_t column = 0; column < 2; ++column)
      by_parity.select(2, row).select(3, column).copy_(
          all.narrow(1, row, h).narrow(2, column, w).narrow(3, (2 * row + column) * channels, channels));
  return out;
}

CausalConv3dWeight::CausalConv3dWeight(const at::Tensor& weight, at::Tensor bias)
    : weight(weight.contiguous(at::MemoryFormat::ChannelsLast3d)), bias(std::move(bias)) {}

at::Tensor CausalConv3dWeight::apply(const at::Tensor& past_and_frames) const { return conv_frames_3d(past_and_frames, weight, bias); }

at::Tensor CausalConv3dWeight::apply_first(const at::Tensor& frame) const {
  SORAGEN_ASSERT(frame.size(0) == 1);
  return conv_frames_3d(frame, weight.narrow(2, past(), 1).contiguous(at::MemoryFormat::ChannelsLast3d), bias);
}

}  // namespace soragen::ops
