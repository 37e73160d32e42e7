#include "ops/conv.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include <algorithm>

#include "core/fail.h"
#include "kernels/winograd/winograd.h"

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

CausalConv3dWeight::CausalConv3dWeight(at::Tensor weight, at::Tensor bias)
    : weight_(std::move(weight)), bias_(std::move(bias)) {}

const at::Tensor& CausalConv3dWeight::direct() const {
  if (!direct_.defined()) direct_ = weight_.contiguous(at::MemoryFormat::ChannelsLast3d);
  return direct_;
}

const std::vector<at::Tensor>& CausalConv3dWeight::filters(int outputs) const {
  std::vector<at::Tensor>& filters = outputs == 4 ? filters4_ : filters2_;
  if (filters.empty())
    for (int j = 0; j < outputs + 2; ++j) {
      const double* row = kernels::winograd_filter_rows(outputs)[j];
      at::Tensor filter;
      for (int tap = 0; tap < 3; ++tap)
        if (row[tap] != 0) {
          const at::Tensor term = weight_.select(2, tap) * row[tap];
          filter = filter.defined() ? filter + term : term;
        }
      filters.push_back(filter.contiguous(at::MemoryFormat::ChannelsLast));
    }
  return filters;
}

// Strips of rows keep the transformed frames small: window [m + 2, H, W, Cin] -> out [m, H, W, Cout].
void CausalConv3dWeight::apply_winograd(const at::Tensor& window, int outputs, at::Tensor out) const {
  constexpr int64_t kStripBytes = 48 << 20;
  const int64_t products = outputs + 2, height = window.size(1), width = window.size(2), in = window.size(3),
                channels = out.size(3);
  const int64_t strip = std::clamp<int64_t>(kStripBytes / (products * width * (in + channels) * 4), 8, height);
  const auto& filters = this->filters(outputs);
  const at::Tensor transformed = at::empty({products, strip + 2, width, in}, window.options());
  for (int64_t top = 0; top < height; top += strip) {
    const int64_t rows = std::min(strip, height - top);
    const int64_t first = std::max<int64_t>(top - 1, 0),
                  last = std::min(top + rows + 1, height);  // with the row above and below
    kernels::WinogradInputArgs input{.outputs = outputs,
                                     .frames = window.const_data_ptr<float>() + first * width * in,
                                     .frame_stride = window.stride(0)};
    std::vector<at::Tensor> views;
    for (int64_t j = 0; j < products; ++j) {
      views.push_back(transformed[j].narrow(0, 0, rows + 2));
      if (top == 0) views[j][0].zero_();
      if (top + rows == height) views[j][rows + 1].zero_();
      input.transformed[j] = views[j].data_ptr<float>() + (first - (top - 1)) * width * in;
    }
    at::parallel_for(0, (last - first) * width * in, 1 << 14,
                     [&](int64_t begin, int64_t end) { kernels::winograd_input(input, begin, end); });
    kernels::WinogradOutputArgs output{.outputs = outputs,
                                       .bias = bias_.const_data_ptr<float>(),
                                       .frames = out.data_ptr<float>() + top * width * channels,
                                       .frame_stride = out.stride(0),
                                       .channels = channels};
    std::vector<at::Tensor> results;
    for (int64_t j = 0; j < products; ++j) {
      const at::Tensor x = views[j].permute({2, 0, 1}).unsqueeze(0);  // [1, C, rows + 2, W] in channels-last order
      results.push_back(
          at::conv2d(x, filters[j], {}, {1, 1}, at::IntArrayRef({0, 1})).permute({0, 2, 3, 1}).contiguous());
      output.products[j] = results.back().const_data_ptr<float>();
    }
    at::parallel_for(0, rows * width, 256,
                     [&](int64_t begin, int64_t end) { kernels::winograd_output(output, begin, end); });
  }
}

at::Tensor CausalConv3dWeight::apply(const at::Tensor& past_and_frames) const {
  const int64_t frames = past_and_frames.size(0) - past();
  const bool is_winograd =
      weight_.sizes().slice(2) == at::IntArrayRef({3, 3, 3}) && weight_.is_cpu() && weight_.scalar_type() == at::kFloat;
  if (!is_winograd || frames < 2) return conv_frames_3d(past_and_frames, direct(), bias_);
  at::Tensor out =
      at::empty({frames, past_and_frames.size(1), past_and_frames.size(2), weight_.size(0)}, past_and_frames.options());
  for (int64_t t = 0; t < frames;) {
    const int outputs = frames - t >= 4 ? 4 : 2;
    if (frames - t == 1) t -= 1;  // an odd end: the frame before is computed again with it
    apply_winograd(past_and_frames.narrow(0, t, outputs + 2), outputs, out.narrow(0, t, outputs));
    t += outputs;
  }
  return out;
}

at::Tensor CausalConv3dWeight::apply_first(const at::Tensor& frame) const {
  SORAGEN_ASSERT(frame.size(0) == 1);
  return conv_frames_3d(frame, weight_.narrow(2, past(), 1).contiguous(at::MemoryFormat::ChannelsLast3d), bias_);
}

}  // namespace soragen::ops
