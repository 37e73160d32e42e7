#include "pipeline/loras.h"

#include <map>
#include <mutex>
#include <tuple>

#include "core/fail.h"
#include "core/hash.h"
#include "families/registry/registry.h"

namespace soragen::pipeline {
namespace {

namespace fs = std::filesystem;
using diffusion::Expert;

// A batch plans every film, with the same gigabyte of LoRA each time.
std::string hash_once(const fs::path& file) {
  using Key = std::tuple<fs::path, uintmax_t, fs::file_time_type>;
  static std::mutex mutex;
  static std::map<Key, std::string> known;
  std::error_code error;
  const Key key{file, fs::file_size(file, error), fs::last_write_time(file, error)};
  if (error) fail(ErrorKind::input, "--lora: cannot open {}: {}", file.string(), error.message());
  const std::lock_guard lock(mutex);
  std::string& hash = known[key];
  if (hash.empty()) hash = sha256_file(file);
  return hash;
}

}  // namespace

std::vector<PlannedLora> plan_loras(const std::vector<LoraChoice>& choices, const families::ModelSpec& spec) {
  std::vector<PlannedLora> loras;
  for (const LoraChoice& choice : choices) {
    if (!choice.expert.empty() && !spec.boundary_ratio)
      fail(ErrorKind::usage, "--lora {}@{}: @{} is for checkpoints with two experts; this one has one", choice.file,
           choice.expert, choice.expert);
    loras.push_back({choice, hash_once(choice.file)});
  }
  const families::Family& family = families::family_named(spec.family);
  for (const Expert expert : {Expert::high_noise, Expert::low_noise}) {
    if (expert == Expert::low_noise && !spec.boundary_ratio) continue;
    if (const auto adapters = adapters_for(loras, expert); !adapters.empty())
      family.check_adapters(spec, expert, adapters);
  }
  return loras;
}

std::vector<PlannedLora> recorded_loras(const Json& record, const std::string& where) {
  std::vector<PlannedLora> loras;
  const JsonObject object(record, where);
  if (!object.has("loras")) return loras;
  if (!object.at("loras").is_array()) fail(ErrorKind::input, "{}: loras: expected a list", where);
  for (const Json& entry : object.at("loras")) {
    const JsonObject lora(entry, where + ": loras");
    loras.push_back({.choice = {.file = lora.string("file"),
                                .strength = lora.number("strength"),
                                .expert = lora.string_or("expert", "")},
                     .sha256 = lora.string("sha256")});
  }
  return loras;
}

std::vector<families::Adapter> adapters_for(const std::vector<PlannedLora>& loras, Expert expert) {
  const std::string_view name = expert == Expert::high_noise ? "high" : "low";
  std::vector<families::Adapter> adapters;
  for (const PlannedLora& lora : loras)
    if (lora.choice.expert.empty() || lora.choice.expert == name)
      adapters.push_back({.file = lora.choice.file, .strength = lora.choice.strength});
  return adapters;
}

}  // namespace soragen::pipeline
