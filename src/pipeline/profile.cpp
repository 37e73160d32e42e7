#include "pipeline/profile.h"

#include "core/fail.h"
#include "pipeline/embedded_configs.h"
#include "pipeline/options.h"

namespace soragen::pipeline {
namespace {

// Conditions are paths into the facts: "transformer/num_layers": 30.
bool holds(const Json& facts, const std::string& path, const Json& expected) {
  const Json::json_pointer pointer("/" + path);
  return facts.contains(pointer) && facts.at(pointer) == expected;
}

// diffusers' own defaults, for a checkpoint that nobody has published settings for.
Request built_in() {
  Request request;
  request.negative_prompt = "";
  request.size = Size{832, 480};
  request.frames = 81;
  request.fps = Rational{16, 1};
  request.steps = 50;
  request.guidance = 5.0;
  return request;
}

}  // namespace

Profile profile_for(const families::ModelSpec& spec) {
  Profile best;
  size_t most = 0;
  for (const EmbeddedConfig& config : embedded_profiles()) {
    const Json json = parse_json(config.text, std::string(config.name));
    const Json& conditions = json.at("when");
    bool matches = true;
    for (const auto& [path, expected] : conditions.items()) matches = matches && holds(spec.facts, path, expected);
    if (!matches || conditions.size() <= most) continue;
    most = conditions.size();
    best = {.name = json.at("name"), .defaults = parse_request(json.at("defaults"), std::string(config.name))};
  }
  return best;
}

Request directory_defaults(const families::ModelSpec& spec) {
  const auto path = spec.directory / "soragen.json";
  if (!std::filesystem::exists(path)) return {};
  const Json json = read_json_file(path);
  const JsonObject object(json, path.string());
  if (!object.has("defaults")) return {};
  Request defaults = parse_request(object.at("defaults"), path.string());
  if (defaults.lora)
    fail(ErrorKind::input, "{}: lora names files; a model directory may not, only --lora and requests", path.string());
  return defaults;
}

Request preset_named(const std::string& name) {
  for (const EmbeddedConfig& config : embedded_presets()) {
    const Json json = parse_json(config.text, std::string(config.name));
    if (json.at("name") == name) return parse_request(json.at("defaults"), std::string(config.name));
  }
  fail(ErrorKind::usage, "preset '{}' does not exist; use one of {}", name, fmt::join(preset_names(), ", "));
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const EmbeddedConfig& config : embedded_presets())
    names.push_back(parse_json(config.text, std::string(config.name)).at("name"));
  return names;
}

Resolved resolve(const Request& request, const families::ModelSpec& spec) {
  const Profile profile = profile_for(spec);
  const Request own = directory_defaults(spec);
  const Request model = merge(merge(built_in(), profile.defaults), own);
  const std::string preset = request.preset.value_or(own.preset.value_or(""));
  const Request named = preset.empty() ? model : merge(model, preset_named(preset));
  return {.request = merge(named, request), .profile = profile.name};
}

}  // namespace soragen::pipeline
