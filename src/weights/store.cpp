#include "weights/store.h"

#include <algorithm>

#include "core/fail.h"
#include "core/json.h"

namespace soragen::weights {
namespace {

namespace fs = std::filesystem;

void read_shards(const fs::path& folder, const fs::path& index, std::map<std::string, TensorView>& tensors) {
  const Json json = read_json_file(index);
  const Json& map = JsonObject(json, index.string()).at("weight_map");
  const JsonObject weight_map(map, index.string() + ": weight_map");
  std::map<std::string, std::set<std::string>> shards;  // file -> tensors promised in it
  for (const auto& [name, unused] : map.items()) shards[weight_map.string(name)].insert(name);
  for (const auto& [file, names] : shards) {
    if (fs::path(file).filename() != fs::path(file) || file == "..")
      fail(ErrorKind::input, "{}: shard '{}' is not a plain file name in that folder", index.string(), file);
    Safetensors shard = read_safetensors(folder / file);
    for (const std::string& name : names)
      if (!shard.tensors.contains(name))
        fail(ErrorKind::input, "{}: tensor {} is not in {} as the index says", index.string(), name, file);
    for (auto& [name, view] : shard.tensors)
      if (!names.contains(name) || !tensors.emplace(name, std::move(view)).second)
        fail(ErrorKind::input, "{}: tensor {} in {} is not in the index, or is there twice", index.string(), name,
             file);
  }
}

}  // namespace

std::string first_names(const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

WeightStore::WeightStore(const fs::path& folder, const std::vector<std::string>& stems) : where_(folder.string()) {
  for (const std::string& stem : stems) {
    const fs::path single = folder / (stem + ".safetensors"), index = folder / (stem + ".safetensors.index.json");
    if (fs::exists(single)) {
      tensors_ = read_safetensors(single).tensors;
      where_ = single.string();
      return;
    }
    if (fs::exists(index)) {
      read_shards(folder, index, tensors_);
      where_ = index.string();
      return;
    }
  }
  fail(ErrorKind::input, "no weights in {}: looked for {}.safetensors and its .index.json", folder.string(),
       fmt::join(stems, ".safetensors, "));
}

const TensorView& WeightStore::get(const std::string& name) const {
  const auto found = tensors_.find(name);
  const std::lock_guard lock(mutex_);
  if (found == tensors_.end()) fail(ErrorKind::input, "{}: tensor {} is missing", where_, name);
  used_.insert(name);
  return found->second;
}

uint64_t WeightStore::byte_size() const {
  uint64_t bytes = 0;
  for (const auto& [name, view] : tensors_) bytes += view.bytes.size();
  return bytes;
}

void WeightStore::add(const std::string& name, WeightDelta delta) {
  SORAGEN_ASSERT(has(name));
  tensors_.at(name).deltas.push_back(std::move(delta));
}

void WeightStore::note_missing(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  missing_.insert(name);
}

void WeightStore::ignore_prefix(const std::string& prefix) { ignored_.push_back(prefix); }

void WeightStore::check_all_used() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> unused;
  for (const auto& [name, view] : tensors_) {
    const bool ignored =
        std::any_of(ignored_.begin(), ignored_.end(), [&](const auto& prefix) { return name.starts_with(prefix); });
    if (!ignored && !used_.contains(name)) unused.push_back(name);
  }
  if (missing_.empty() && unused.empty()) return;
  std::string message = where_ + " does not fit its config:";
  if (!missing_.empty())
    message += fmt::format(" {} missing ({})", missing_.size(), first_names({missing_.begin(), missing_.end()}));
  if (!unused.empty())
    message += fmt::format("{} {} not used ({})", missing_.empty() ? "" : ";", unused.size(), first_names(unused));
  throw Error(ErrorKind::input, message);
}

}  // namespace soragen::weights
