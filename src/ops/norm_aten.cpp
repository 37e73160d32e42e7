#include "ops/norm_aten.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>

namespace soragen::ops {
namespace {

// Calls strip(first, count) over all rows. Each form keeps up to five float32 copies of its rows: in strips that is
// memory that does not grow with the film, and each strip still fills a card.
template <typename Strip>
void over_strips(int64_t rows, int64_t width, Strip&& strip) {
  constexpr int64_t kStripBytes = 64 << 20;
  const int64_t most = std::max<int64_t>(1, kStripBytes / (width * static_cast<int64_t>(sizeof(float))));
  for (int64_t first = 0; first < rows; first += most) strip(first, std::min(most, rows - first));
}

at::Tensor as_rows(const at::Tensor& x) { return x.view({-1, x.size(-1)}); }

}  // namespace

void aten_add_residual(at::Tensor& x, const ResidualUpdate& residual) {
  if (!residual.update.defined()) return;
  const at::Tensor rows = as_rows(x), updates = as_rows(residual.update);
  if (!residual.gate.defined()) {
    rows.add_(updates);
    return;
  }
  over_strips(rows.size(0), rows.size(1), [&](int64_t first, int64_t count) {
    const at::Tensor strip = rows.narrow(0, first, count), update = updates.narrow(0, first, count);
    strip.copy_(at::addcmul(strip.to(at::kFloat), update.to(at::kFloat), residual.gate));
  });
}

void aten_layer_norm_out(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, double eps,
                         at::Tensor& out) {
  const at::Tensor rows = as_rows(x), results = as_rows(out);
  over_strips(rows.size(0), rows.size(1), [&](int64_t first, int64_t count) {
    results.narrow(0, first, count)
        .copy_(at::layer_norm(rows.narrow(0, first, count).to(at::kFloat), {rows.size(1)}, scale, shift, eps));
  });
}

void aten_rms_rope_(at::Tensor x, const at::Tensor& weight, const Rotary& rotary, double eps) {
  over_strips(x.size(1), x.size(0) * x.size(2) * x.size(3), [&](int64_t first, int64_t count) {
    const at::Tensor strip = x.narrow(1, first, count);
    const at::Tensor wide = strip.to(at::kFloat).flatten(2);  // [B, L, N * D]
    const at::Tensor normed =
        (wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps) * weight).view(strip.sizes());
    if (!rotary.cos.defined()) {
      strip.copy_(normed);
      return;
    }
    const at::Tensor pairs = normed.unflatten(3, {x.size(3) / 2, 2}), even = pairs.select(-1, 0),
                     odd = pairs.select(-1, 1);  // [B, L, N, D / 2]
    const at::Tensor cos = rotary.cos.narrow(0, first, count).unsqueeze(1),
                     sin = rotary.sin.narrow(0, first, count).unsqueeze(1);  // [L, 1, D / 2]
    strip.copy_(at::stack({even * cos - odd * sin, even * sin + odd * cos}, -1).flatten(3));
  });
}

void aten_rms_silu_out(const at::Tensor& x, const at::Tensor& gamma, bool silu, at::Tensor& out) {
  const at::Tensor pixels = as_rows(x), results = as_rows(out);
  const double root = std::sqrt(static_cast<double>(x.size(-1)));
  over_strips(pixels.size(0), pixels.size(1), [&](int64_t first, int64_t count) {
    const at::Tensor wide = pixels.narrow(0, first, count).to(at::kFloat);
    const at::Tensor length = at::linalg_vector_norm(wide, 2, at::IntArrayRef{-1}, /*keepdim=*/true).clamp_min(1e-12);
    const at::Tensor normed = wide / length * root * gamma;
    results.narrow(0, first, count).copy_(silu ? at::silu(normed) : normed);
  });
}

}  // namespace soragen::ops
