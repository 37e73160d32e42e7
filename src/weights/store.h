// All tensors of one component (text_encoder, transformer, vae): one safetensors file or the shards
// that an index names.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "weights/safetensors.h"

namespace soragen::weights {

// "a, b and 3 more": names for a message, at most eight of them.
std::string first_names(const std::vector<std::string>& names);

class WeightStore {
 public:
  // Opens <folder>/<stem>.safetensors or, when that is absent, the shards of
  // <folder>/<stem>.safetensors.index.json. diffusers' stem is "diffusion_pytorch_model",
  // transformers' "model"; the first stem that exists is taken. A shard outside the folder
  // ("..", absolute names) is refused.
  WeightStore(const std::filesystem::path& folder, const std::vector<std::string>& stems);

  const TensorView& get(const std::string& name) const;  // counts as used; Error{input} if missing
  bool has(const std::string& name) const { return tensors_.contains(name); }
  const std::string& where() const { return where_; }
  uint64_t byte_size() const;
  // Whoever loads the tensor gets the sum; it must be there. See add_lora.
  void add(const std::string& name, WeightDelta delta);
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }

  // Loading is complete: throws Error{input} listing every tensor that was asked for and missing, and
  // every tensor that nothing asked for. `get` of a missing tensor is remembered, see Scope.
  void check_all_used() const;
  void note_missing(const std::string& name) const;
  // Names that the reference ignores or that belong to a part not used here, by exact prefix.
  void ignore_prefix(const std::string& prefix);

 private:
  std::string where_;
  std::map<std::string, TensorView> tensors_;
  std::vector<std::string> ignored_;
  mutable std::mutex mutex_;  // layers load in parallel
  mutable std::set<std::string> used_, missing_;
};

}  // namespace soragen::weights
