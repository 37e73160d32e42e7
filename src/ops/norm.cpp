#include "ops/norm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>

#include "core/fail.h"
#include "kernels/layer_norm/layer_norm.h"
#include "kernels/rms_rope/rms_rope.h"
#include "kernels/rms_silu/rms_silu.h"
#include "ops/cuda_launch.h"
#include "ops/norm_aten.h"

namespace soragen::ops {
namespace {

using kernels::Bf16;

constexpr int64_t kGrainBytes = 64 << 10;  // below this a second thread costs more than it saves

// Calls function(T{}) with the element type of the tensor.
template <typename Function>
void dispatch(const at::Tensor& x, Function&& function) {
  SORAGEN_ASSERT(x.is_cpu());
  if (x.scalar_type() == at::kFloat) return function(float{});
  if (x.scalar_type() == at::kBFloat16) return function(Bf16{});
  fail(ErrorKind::internal, "norm kernels take float32 and bfloat16, not {}", c10::toString(x.scalar_type()));
}

template <typename T>
T* data(const at::Tensor& x) {
  return x.defined() ? static_cast<T*>(x.data_ptr()) : nullptr;
}

const float* vector(const at::Tensor& x, int64_t width) {
  SORAGEN_ASSERT(!x.defined() || (x.scalar_type() == at::kFloat && x.is_contiguous() && x.numel() == width));
  return data<const float>(x);
}

template <typename Kernel>
void over_rows(int64_t rows, int64_t row_bytes, Kernel&& kernel) {
  at::parallel_for(0, rows, std::max<int64_t>(1, kGrainBytes / row_bytes), kernel);
}

template <typename T>
kernels::LayerNormArgs<T> layer_norm_args(const at::Tensor& x, const ResidualUpdate& residual, const at::Tensor& scale,
                                          const at::Tensor& shift, double eps, at::Tensor* out) {
  const int64_t width = x.size(-1);
  return {.x = data<T>(x),
          .update = data<const T>(residual.update),
          .gate = vector(residual.gate, width),
          .scale = vector(scale, width),
          .shift = vector(shift, width),
          .out = out ? data<T>(*out) : nullptr,
          .width = width,
          .eps = static_cast<float>(eps)};
}

void layer_norm(at::Tensor& x, const ResidualUpdate& residual, const at::Tensor& scale, const at::Tensor& shift,
                double eps, at::Tensor* out) {
  SORAGEN_ASSERT(x.is_contiguous());
  SORAGEN_ASSERT(!residual.update.defined() ||
                 (residual.update.is_contiguous() && residual.update.numel() == x.numel() &&
                  residual.update.scalar_type() == x.scalar_type()));
  const int64_t width = x.size(-1), rows = x.numel() / width;
  const auto launch = [&](auto element, const auto& table, kernels::Stream stream, kernels::CudaFailure& failure) {
    const auto args = layer_norm_args<decltype(element)>(x, residual, scale, shift, eps, out);
    if (!kernels::layer_norm_cuda_support(args)) return false;
    table.layer_norm(&args, rows, stream, &failure);
    return true;
  };
  if (launched(CudaKernel::layer_norm, x, launch)) return;
  if (!x.is_cpu()) {
    aten_add_residual(x, residual);
    if (out) aten_layer_norm_out(x, scale, shift, eps, *out);
    return;
  }
  dispatch(x, [&](auto element) {
    const auto args = layer_norm_args<decltype(element)>(x, residual, scale, shift, eps, out);
    over_rows(rows, width * x.element_size(),
              [&](int64_t begin, int64_t end) { kernels::layer_norm(args, begin, end); });
  });
}

template <typename T>
kernels::RmsRopeArgs<T> rms_rope_args(const at::Tensor& x, const at::Tensor& weight, const Rotary& rotary, double eps) {
  const int64_t tokens = x.size(1), heads = x.size(2), head_dim = x.size(3), half = head_dim / 2;
  return {.x = data<T>(x),
          .stride = x.stride(1),
          .weight = vector(weight, heads * head_dim),
          .cos = vector(rotary.cos, tokens * half),
          .sin = vector(rotary.sin, tokens * half),
          .tokens = tokens,
          .heads = heads,
          .head_dim = head_dim,
          .eps = static_cast<float>(eps)};
}

template <typename T>
kernels::RmsSiluArgs<T> rms_silu_args(const at::Tensor& x, const at::Tensor& gamma, bool silu, const at::Tensor& out) {
  return {.x = data<const T>(x),
          .gamma = vector(gamma, x.size(-1)),
          .out = data<T>(out),
          .channels = x.size(-1),
          .silu = silu};
}

}  // namespace

at::Tensor add_layer_norm(at::Tensor& x, const ResidualUpdate& residual, const at::Tensor& scale,
                          const at::Tensor& shift, double eps) {
  at::Tensor out = at::empty_like(x);
  layer_norm(x, residual, scale, shift, eps, &out);
  return out;
}

void add_residual(at::Tensor& x, const ResidualUpdate& residual) { layer_norm(x, residual, {}, {}, 0, nullptr); }

void rms_rope_(at::Tensor x, const at::Tensor& weight, const Rotary& rotary, double eps) {
  const int64_t tokens = x.size(1), head_dim = x.size(3), rows = x.size(0) * tokens;
  SORAGEN_ASSERT(x.dim() == 4 && head_dim % 2 == 0 && x.stride(3) == 1 && x.stride(2) == head_dim);
  SORAGEN_ASSERT(x.size(0) == 1 || x.stride(0) == tokens * x.stride(1));
  SORAGEN_ASSERT(!rotary.cos.defined() || rotary.cos.sizes() == at::IntArrayRef({tokens, head_dim / 2}));
  const auto launch = [&](auto element, const auto& table, kernels::Stream stream, kernels::CudaFailure& failure) {
    const auto args = rms_rope_args<decltype(element)>(x, weight, rotary, eps);
    if (!kernels::rms_rope_cuda_support(args)) return false;
    table.rms_rope(&args, rows, stream, &failure);
    return true;
  };
  if (launched(CudaKernel::rms_rope, x, launch)) return;
  if (!x.is_cpu()) return aten_rms_rope_(x, weight, rotary, eps);
  dispatch(x, [&](auto element) {
    const auto args = rms_rope_args<decltype(element)>(x, weight, rotary, eps);
    over_rows(rows, x.size(2) * head_dim * x.element_size(),
              [&](int64_t begin, int64_t end) { kernels::rms_rope(args, begin, end); });
  });
}

void rms_silu_out(const at::Tensor& x, const at::Tensor& gamma, bool silu, at::Tensor& out) {
  const int64_t channels = x.size(-1), pixels = x.numel() / channels;
  SORAGEN_ASSERT(x.is_contiguous() && out.is_contiguous() && out.numel() == x.numel() &&
                 out.scalar_type() == x.scalar_type());
  const auto launch = [&](auto element, const auto& table, kernels::Stream stream, kernels::CudaFailure& failure) {
    const auto args = rms_silu_args<decltype(element)>(x, gamma, silu, out);
    if (!kernels::rms_silu_cuda_support(args)) return false;
    table.rms_silu(&args, pixels, stream, &failure);
    return true;
  };
  if (launched(CudaKernel::rms_silu, x, launch)) return;
  if (!x.is_cpu()) return aten_rms_silu_out(x, gamma, silu, out);
  dispatch(x, [&](auto element) {
    const auto args = rms_silu_args<decltype(element)>(x, gamma, silu, out);
    over_rows(pixels, channels * x.element_size(),
              [&](int64_t begin, int64_t end) { kernels::rms_silu(args, begin, end); });
  });
}

}  // namespace soragen::ops
