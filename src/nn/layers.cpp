#include "nn/layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/stack.h>

#include "core/fail.h"

namespace soragen::nn {
namespace {

ops::LinearWeight stacked(const std::vector<Scope>& scopes, int64_t in, int64_t out_each, const Target& target,
                          bool has_bias) {
  std::vector<weights::TensorView> views;
  std::vector<at::Tensor> weights, biases;
  for (const Scope& scope : scopes) {
    views.push_back(scope.tensor("weight", {out_each, in}));
    weights.push_back(to_tensor(views.back(), target));
    if (has_bias) biases.push_back(load(scope, "bias", {out_each}, target));
  }
  const auto join = [](std::vector<at::Tensor>& parts) { return parts.size() == 1 ? parts[0] : at::cat(parts); };
  ops::LinearWeight packed(join(weights), has_bias ? join(biases) : at::Tensor(), target.weights);
  weights.clear();
  for (const weights::TensorView& view : views)
    if (view.file) view.file->release(view.bytes);  // the packed copy serves from here on
  return packed;
}

}  // namespace

Linear::Linear(const Scope& scope, int64_t in, int64_t out, const Target& target, bool has_bias)
    : Linear(std::vector{scope}, in, out, target, has_bias) {}

Linear::Linear(const std::vector<Scope>& scopes, int64_t in, int64_t out_each, const Target& target, bool has_bias)
    : weight(stacked(scopes, in, out_each, target, has_bias)) {}

RmsNorm::RmsNorm(const Scope& scope, int64_t width, double eps, const Target& target)
    : weight(load(scope, "weight", {width}, target)), eps(eps) {}

at::Tensor RmsNorm::forward(const at::Tensor& x) const {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor normed = wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps);
  return weight * normed.to(weight.scalar_type());
}

Embedding::Embedding(const Scope& scope, int64_t rows, int64_t width, const Target& target)
    : table(scope.tensor("weight", {rows, width})), target(target) {}

at::Tensor Embedding::forward(const std::vector<int64_t>& ids) const {
  const int64_t rows = table.shape[0], width = table.shape[1];
  const size_t row_bytes = static_cast<size_t>(width) * weights::size_of(table.dtype);
  std::vector<at::Tensor> picked;
  for (const int64_t id : ids) {
    if (id < 0 || id >= rows)
      fail(ErrorKind::input, "token id {} is outside the text encoder's vocabulary of {}", id, rows);
    weights::TensorView row{.dtype = table.dtype, .shape = {width}, .bytes = {}, .file = table.file};
    if (!table.bytes.empty()) row.bytes = table.bytes.subspan(static_cast<size_t>(id) * row_bytes, row_bytes);
    picked.push_back(to_tensor(row, target));
  }
  return at::stack(picked);
}

}  // namespace soragen::nn
