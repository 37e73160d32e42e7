// The fused kernels' formulas out of ATen's operators, for checks and timings. Each computes in `compute` and
// rounds to x's type where the kernel's contract says so: at::kFloat is what a model without the kernel runs,
// and with double inputs and at::kDouble nothing is rounded.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

namespace soragen::kernels {

struct LayerNormResult {
  at::Tensor x, out;
};
// update and gate may be undefined.
LayerNormResult aten_layer_norm(const at::Tensor& x, const at::Tensor& update, const at::Tensor& gate,
                                const at::Tensor& scale, const at::Tensor& shift, at::ScalarType compute);

// x [rows, heads, head_dim]; cos and sin [tokens, head_dim / 2] or undefined; row r is token r % tokens.
at::Tensor aten_rms_rope(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& cos, const at::Tensor& sin,
                         at::ScalarType compute);

// x [pixels, channels]
at::Tensor aten_rms_silu(const at::Tensor& x, const at::Tensor& gamma, bool silu, at::ScalarType compute);

}  // namespace soragen::kernels
