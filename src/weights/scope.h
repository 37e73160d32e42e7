// A path into a WeightStore. Layers are built from a Scope and name their tensors as the checkpoint does:
//
//   struct Linear { Linear(const Scope& at, ...) : weight(at.tensor("weight", {out, in})) ... };
//   Linear q(scope / "attn1" / "to_q", ...);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weights/store.h"

namespace soragen::weights {

class Scope {
 public:
  explicit Scope(const WeightStore& store, std::string path = "") : store_(&store), path_(std::move(path)) {}

  Scope operator/(const std::string& name) const { return Scope(*store_, join(name)); }
  Scope operator/(int64_t index) const { return *this / std::to_string(index); }

  bool has(const std::string& name) const { return store_->has(join(name)); }
  // Error{input} when the shape differs. A missing tensor is noted and answered with a view
  // without bytes, so that WeightStore::check_all_used can list every missing and unused name at once.
  TensorView tensor(const std::string& name, const std::vector<int64_t>& shape) const;

  std::string where() const { return store_->where() + ": " + path_; }

 private:
  std::string join(const std::string& name) const { return path_.empty() ? name : path_ + "." + name; }
  const WeightStore* store_;
  std::string path_;
};

}  // namespace soragen::weights
