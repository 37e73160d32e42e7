#include "families/registry/registry.h"

#include "core/fail.h"
#include "core/json.h"
#include "families/wan/family.h"

namespace soragen::families {
namespace {

constexpr const Family* kFamilies[] = {&wan::kFamily};

}  // namespace

std::span<const Family* const> registry() { return kFamilies; }

const Family& family_of(const std::filesystem::path& directory, std::string& pipeline_class) {
  if (!std::filesystem::is_directory(directory))
    fail(ErrorKind::input, "model directory '{}' does not exist", directory.string());
  const auto index = directory / "model_index.json";
  if (!std::filesystem::exists(index))
    fail(ErrorKind::input,
         "{} is not a model directory: model_index.json is missing (the diffusers layout of Hugging Face is read)",
         directory.string());
  const Json json = read_json_file(index);
  pipeline_class = JsonObject(json, index.string()).string("_class_name");
  std::vector<std::string_view> known;
  for (const Family* family : kFamilies)
    for (const std::string_view name : family->pipeline_classes) {
      if (name == pipeline_class) return *family;
      known.push_back(name);
    }
  fail(ErrorKind::unsupported, "{}: pipeline class {} is not supported; soragen opens {}", index.string(),
       pipeline_class, fmt::join(known, ", "));
}

const Family& family_named(std::string_view name) {
  for (const Family* family : kFamilies)
    if (family->name == name) return *family;
  fail(ErrorKind::internal, "no family named {}", name);
}

ModelSpec read_model(const std::filesystem::path& directory) {
  std::string pipeline_class;
  const Family& family = family_of(directory, pipeline_class);
  return family.read(directory, pipeline_class);
}

}  // namespace soragen::families
