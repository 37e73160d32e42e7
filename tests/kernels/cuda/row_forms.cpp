#include "tests/kernels/cuda/row_forms.h"

#include <ATen/ops/layer_norm.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/stack.h>

#include <cmath>

namespace soragen::kernels {

LayerNormResult aten_layer_norm(const at::Tensor& x, const at::Tensor& update, const at::Tensor& gate,
                                const at::Tensor& scale, const at::Tensor& shift, at::ScalarType compute) {
  at::Tensor stream = x;
  if (update.defined()) {
    const at::Tensor step = update.to(compute);
    stream = (x.to(compute) + (gate.defined() ? step * gate.to(compute) : step)).to(x.scalar_type());
  }
  const at::Tensor normed = at::layer_norm(stream.to(compute), {x.size(1)}, {}, {}, 1e-6);
  return {stream, (normed * scale.to(compute) + shift.to(compute)).to(x.scalar_type())};
}

at::Tensor aten_rms_rope(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& cos, const at::Tensor& sin,
                         at::ScalarType compute) {
  const int64_t rows = x.size(0), heads = x.size(1), width = x.size(2);
  const at::Tensor flat = x.to(compute).reshape({rows, heads * width});
  const at::Tensor normed = flat * at::rsqrt(flat.square().mean({1}, true) + 1e-6) * weight.to(compute);
  if (!cos.defined()) return normed.view({rows, heads, width}).to(x.scalar_type());
  const int64_t tokens = cos.size(0);
  // [rows / tokens, tokens, heads, width / 2, 2]: pairs are neighbours
  const at::Tensor pairs = normed.view({rows / tokens, tokens, heads, width / 2, 2});
  const at::Tensor even = pairs.select(4, 0), odd = pairs.select(4, 1);
  const at::Tensor c = cos.to(compute).unsqueeze(1), s = sin.to(compute).unsqueeze(1);
  return at::stack({even * c - odd * s, even * s + odd * c}, 4).view({rows, heads, width}).to(x.scalar_type());
}

at::Tensor aten_rms_silu(const at::Tensor& x, const at::Tensor& gamma, bool silu, at::ScalarType compute) {
  const at::Tensor wide = x.to(compute);
  const double channels = static_cast<double>(x.size(1));
  const at::Tensor normed = wide / wide.norm(2, {1}, true).clamp_min(1e-12) * std::sqrt(channels) * gamma.to(compute);
  return (silu ? at::silu(normed) : normed).to(x.scalar_type());
}

}  // namespace soragen::kernels
