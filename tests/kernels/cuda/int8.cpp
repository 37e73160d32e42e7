#include "tests/kernels/cuda/int8.h"

#include <ATen/ops/constant_pad_nd.h>

#include <cmath>

#include "tests/kernels/cuda/check.h"

namespace soragen::kernels {

at::Tensor Int8Numbers::dequantised() const {
  const at::Tensor own = scale.narrow(2, 0, numbers.size(1));  // [B, N, L]
  return numbers.to(at::kDouble) * own.to(at::kDouble).transpose(1, 2).unsqueeze(3);
}

Int8Numbers quantised(const at::Tensor& x) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor scale = (wide.abs().amax({-1}) / 127).clamp_min(1e-30);  // [B, L, N]
  const int64_t tokens = x.size(1), padding = (4 - tokens % 4) % 4;
  return {(wide / scale.unsqueeze(3)).round().to(at::kChar).contiguous(),
          at::constant_pad_nd(scale.transpose(1, 2), {0, padding}).contiguous()};
}

AttentionInt8Params attention_int8_params(const Int8Numbers& q, const Int8Numbers& k, const at::Tensor& value,
                                          const at::Tensor& out, const at::Tensor& bias, const at::Tensor& blocks) {
  return {.query = data<int8_t>(q.numbers),
          .key = data<int8_t>(k.numbers),
          .value = data<Half>(value),
          .query_scale = floats(q.scale),
          .key_scale = floats(k.scale),
          .query_scale_stride = q.scale.size(2),
          .key_scale_stride = k.scale.size(2),
          .key_bias = floats(bias),
          .key_blocks = blocks.defined() ? data<int32_t>(blocks) : nullptr,
          .kept = blocks.defined() ? static_cast<int>(blocks.size(3)) : 0,
          .out = out.data_ptr(),
          .out_strides = {.batch = out.stride(0), .token = out.stride(1), .head = out.stride(2)},
          .batch = static_cast<int>(q.numbers.size(0)),
          .heads = static_cast<int>(q.numbers.size(2)),
          .queries = static_cast<int>(q.numbers.size(1)),
          .keys = static_cast<int>(k.numbers.size(1)),
          .head_dim = static_cast<int>(q.numbers.size(3)),
          .element = out.scalar_type() == at::kHalf ? Element::half : Element::bf16,
          .scale = 1.0f / std::sqrt(static_cast<float>(q.numbers.size(3)))};
}

}  // namespace soragen::kernels
