// Layers: weights under their checkpoint names, and forward. Constructed means loaded.
#pragma once

#include <ATen/core/Tensor.h>

#include "nn/weights.h"
#include "ops/linear.h"

namespace soragen::nn {

// <scope>.weight [out, in], <scope>.bias [out]
struct Linear {
  explicit Linear(ops::LinearWeight weight) : weight(std::move(weight)) {}
  Linear(const Scope& scope, int64_t in, int64_t out, const Target& target, bool has_bias = true);
  // Several layers with the same input as one product: rows stacked in the order of the scopes.
  Linear(const std::vector<Scope>& scopes, int64_t in, int64_t out_each, const Target& target, bool has_bias = true);

  at::Tensor forward(const at::Tensor& x, ops::Activation activation = ops::Activation::none) const {
    return weight.apply(x, activation);
  }
  ops::LinearWeight weight;
};

// <scope>.weight [width]: x / sqrt(mean(x^2) + eps) * weight, statistics in float32 (T5's layer norm).
struct RmsNorm {
  RmsNorm(const Scope& scope, int64_t width, double eps, const Target& target);
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight;
  double eps;
};

// <scope>.weight [rows, width], read row by row from the mapped file: a vocabulary of 256k rows is never
// converted as a whole.
struct Embedding {
  Embedding(const Scope& scope, int64_t rows, int64_t width, const Target& target);
  at::Tensor forward(const std::vector<int64_t>& ids) const;  // [ids, width]
  weights::TensorView table;
  Target target;
};

}  // namespace soragen::nn
