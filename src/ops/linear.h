// y = activation(x W^T + b).
//
// On the CPU the weight is kept in oneDNN's blocked order, packed once at load: 15-21 % faster in fp32
// than at::linear's MKL product and 4-14 % in bf16 (2 cores, 1280x1536x8960), and the GELU runs inside
// the product. On other devices at::linear serves, and for a weight in 8 bits it does everywhere.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "ops/int8_weight.h"

namespace soragen::ops {

enum class Activation { none, gelu_tanh };
enum class WeightForm { full, int8 };

// A weight in the order in which its device likes it. The plain weight is not kept.
class LinearWeight {
 public:
  // weight [out, in], bias [out] or undefined; float32 or bfloat16.
  LinearWeight(at::Tensor weight, at::Tensor bias, WeightForm form = WeightForm::full);

  // x [..., in], dense, of the weight's dtype -> [..., out]
  at::Tensor apply(const at::Tensor& x, Activation activation = Activation::none) const;

  // What it holds; a full weight is in an order of oneDNN's own on the CPU.
  std::vector<at::Tensor*> tensors();

  int64_t in_features() const { return in_; }
  int64_t out_features() const { return out_; }

 private:
  at::Tensor weight_, bias_;
  std::optional<Int8Weight> int8_;  // instead of weight_
  int64_t in_, out_;
  bool packed_;
};

}  // namespace soragen::ops
