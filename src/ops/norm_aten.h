// The fused norms as chains of ATen operators, for every device that has no kernel of ours. Arguments and rounding as
// in norm.h: statistics in float32, rounded to x's type where the kernels round.
#pragma once

#include "ops/norm.h"

namespace soragen::ops {

void aten_add_residual(at::Tensor& x, const ResidualUpdate& residual);
void aten_layer_norm_out(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, double eps,
                         at::Tensor& out);
void aten_rms_rope_(at::Tensor x, const at::Tensor& weight, const Rotary& rotary, double eps);
void aten_rms_silu_out(const at::Tensor& x, const at::Tensor& gamma, bool silu, at::Tensor& out);

}  // namespace soragen::ops
