// Front doors of the fused norm kernels (kernels/layer_norm, rms_rope, rms_silu): shapes are checked
// here. On the CPU rows are split over threads, float32 and bfloat16 are accepted; elsewhere a CUDA kernel serves by
// the rule of ops/cuda_kernels.h, else ATen.
#pragma once

#include <ATen/core/Tensor.h>

namespace soragen::ops {

// x <- x + update * gate, then LayerNorm(x) * scale + shift. See kernels/layer_norm/layer_norm.h.
struct ResidualUpdate {
  at::Tensor update;  // like x, or undefined: nothing is added
  at::Tensor gate;    // [D] float32, or undefined: 1
};
at::Tensor add_layer_norm(at::Tensor& x, const ResidualUpdate& residual, const at::Tensor& scale,
                          const at::Tensor& shift, double eps);
void add_residual(at::Tensor& x, const ResidualUpdate& residual);

// RMS norm over N * D, then rotary embedding, in place on x [B, L, N, D] (a view whose heads are dense:
// strides N * D inside a token). cos, sin: [L, D / 2] float32, or undefined for no rotation.
struct Rotary {
  at::Tensor cos, sin;
};
void rms_rope_(at::Tensor x, const at::Tensor& weight, const Rotary& rotary, double eps);

// out <- silu(rms_norm(x)) per pixel of channels-last x [..., C]; out may be x.
void rms_silu_out(const at::Tensor& x, const at::Tensor& gamma, bool silu, at::Tensor& out);

}  // namespace soragen::ops
