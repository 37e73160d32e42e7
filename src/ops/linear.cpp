#include "ops/linear.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>

#include "core/fail.h"
#include "ops/cuda_launch.h"

namespace soragen::ops {
namespace {

using Reorder = at::Tensor(const at::Tensor&, std::optional<int64_t>);
using Pointwise = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, c10::string_view,
                             c10::List<std::optional<at::Scalar>>, std::optional<c10::string_view>);

at::Tensor reorder_weight(const at::Tensor& weight) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_reorder_linear_weight", "").typed<Reorder>();
  return op.call(weight, std::nullopt);
}

at::Tensor packed_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, Activation activation) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "").typed<Pointwise>();
  const std::optional<at::Tensor> maybe_bias = bias.defined() ? std::optional(bias) : std::nullopt;
  const bool gelu = activation == Activation::gelu_tanh;
  return op.call(x, weight, maybe_bias, gelu ? "gelu" : "none", c10::List<std::optional<at::Scalar>>(),
                 gelu ? std::optional<c10::string_view>("tanh") : std::nullopt);
}

// Its input is nobody else's: the CUDA kernel works in place.
at::Tensor gelu_tanh(const at::Tensor& x) {
  const bool done =
      launched(CudaKernel::gelu, x, [&]<typename T>(T, const auto& table, kernels::Stream stream, auto& failure) {
        const kernels::GeluArgs<T> args{
            .x = static_cast<T*>(x.data_ptr()), .out = static_cast<T*>(x.data_ptr()), .count = x.numel()};
        if (!kernels::gelu_cuda_support(args)) return false;
        table.gelu(&args, stream, &failure);
        return true;
      });
  return done ? x : at::gelu(x, "tanh");
}

}  // namespace

LinearWeight::LinearWeight(at::Tensor weight, at::Tensor bias, WeightForm form)
    : bias_(std::move(bias)),
      in_(weight.size(1)),
      out_(weight.size(0)),
      packed_(weight.is_cpu() && form == WeightForm::full) {
  SORAGEN_ASSERT(weight.dim() == 2 && (!bias_.defined() || bias_.size(0) == out_));
  if (form == WeightForm::int8)
    int8_ = to_int8(weight);
  else
    weight_ = packed_ ? reorder_weight(weight) : std::move(weight);
}

at::Tensor LinearWeight::apply(const at::Tensor& x, Activation activation) const {
  SORAGEN_ASSERT(x.size(-1) == in_);
  if (packed_) return packed_linear(x, weight_, bias_, activation);
  const at::Tensor y = at::linear(x, int8_ ? from_int8(*int8_) : weight_, bias_);
  return activation == Activation::gelu_tanh ? gelu_tanh(y) : y;
}

std::vector<at::Tensor*> LinearWeight::tensors() {
  std::vector<at::Tensor*> held = int8_ ? std::vector{&int8_->values, &int8_->scales} : std::vector{&weight_};
  if (bias_.defined()) held.push_back(&bias_);
  return held;
}

}  // namespace soragen::ops
