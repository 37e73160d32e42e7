// From a tensor on disk to one that computes.
#pragma once

#include <ATen/core/Tensor.h>

#include "ops/linear.h"
#include "weights/scope.h"

namespace soragen::nn {

using weights::Scope;

// Where a layer computes and in what precision. Disk precision is converted while loading, tensor by tensor.
struct Target {
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
  ops::WeightForm weights = ops::WeightForm::full;  // of a stack's products; what is outside the blocks stays full
  bool operator==(const Target&) const = default;
};

// Bytes of a stack's product weight [out, in].
int64_t weight_bytes(int64_t out, int64_t in, const Target& target);

// A tensor over the mapped file itself when dtype and alignment allow (the mapping lives as long as the
// tensor), else a converted copy; after a copy the file's pages are given back. What LoRA files add is added here.
at::Tensor load(const Scope& scope, const std::string& name, const std::vector<int64_t>& shape, const Target& target);
at::Tensor to_tensor(const weights::TensorView& view, const Target& target);

}  // namespace soragen::nn
