#include "pipeline/record.h"

#include <torch/headeronly/version.h>

#include <array>
#include <utility>

#include "core/fail.h"
#include "core/hash.h"
#include "core/version.h"
#include "pipeline/options.h"

namespace soragen::pipeline {
namespace {

Json stages_to_json(const Plan& plan) {
  Json stages = Json::array();
  for (const StagePlan& stage : plan.stages) {
    Json entry = {{"name", stage.name},
                  {"place", stage.place},
                  {"dtype", stage.dtype},
                  {"weight_bytes", stage.cost.weights},
                  {"activation_bytes", stage.cost.activations}};
    if (stage.workspace > 0) entry["workspace_bytes"] = stage.workspace;
    if (stage.seconds > 0) entry["predicted_seconds"] = stage.seconds;
    if (!stage.note.empty()) entry["note"] = stage.note;
    stages.push_back(std::move(entry));
  }
  return stages;
}

Json model_to_json(const families::ModelSpec& spec) {
  // The folder's name, not its path: records travel with films.
  return {{"name", std::filesystem::absolute(spec.directory).lexically_normal().filename().string()},
          {"family", spec.family},
          {"class", spec.pipeline_class}};
}

// Exactly which files changed the model.
Json loras_to_json(const Plan& plan) {
  Json loras = Json::array();
  for (const PlannedLora& lora : plan.loras) {
    Json entry = {{"file", std::filesystem::path(lora.choice.file).filename().string()},
                  {"sha256", lora.sha256},
                  {"strength", lora.choice.strength}};
    if (!lora.choice.expert.empty()) entry["expert"] = lora.choice.expert;
    loras.push_back(std::move(entry));
  }
  return loras;
}

// What describes the film and not the place or the machine that made it.
Json settings_to_json(const Plan& plan) {
  Request request = plan.request;
  request.lora.reset();
  for (const PlannedLora& lora : plan.loras) {
    if (!request.lora) request.lora.emplace();
    request.lora->push_back(lora.choice);
    request.lora->back().file = std::filesystem::path(lora.choice.file).filename().string();
  }
  request.output.reset();
  request.save_latents.reset();
  request.memory.reset();
  request.vram.reset();
  return to_json(request);
}

Json dtypes_to_json(const Plan& plan) {
  Json dtypes = Json::object();
  for (const StagePlan& stage : plan.stages) dtypes[stage.name] = stage.dtype;
  return dtypes;
}

constexpr std::array kTexts = {"prompt", "negative-prompt"};

std::string hash_key(std::string_view text) { return text == "prompt" ? "prompt_sha256" : "negative_prompt_sha256"; }

}  // namespace

Json to_json(const Plan& plan, const families::ModelSpec& spec) {
  return {{"model", model_to_json(spec)},
          {"profile", plan.profile.empty() ? Json() : Json(plan.profile)},
          {"settings", settings_to_json(plan)},
          {"loras", loras_to_json(plan)},
          {"sigmas", plan.sampling.schedule.sigmas},
          {"timesteps", plan.sampling.schedule.timesteps},
          {"latent_shape", plan.latent_shape},
          {"memory_limit", plan.memory_limit},
          {"card_limit", plan.card_limit > 0 ? Json(plan.card_limit) : Json()},
          {"stages", stages_to_json(plan)}};
}

Json make_record(const Plan& plan, const families::ModelSpec& spec, const Json& timings) {
  return {{"generator", {{"name", "soragen"}, {"version", version()}, {"libtorch", TORCH_VERSION}}},
          {"model", model_to_json(spec)},
          {"profile", plan.profile.empty() ? Json() : Json(plan.profile)},
          {"settings", settings_to_json(plan)},
          {"loras", loras_to_json(plan)},
          {"dtypes", dtypes_to_json(plan)},
          {"seconds", timings}};
}

Json without_texts(Json record) {
  const Json settings = record.at("settings");
  for (const char* name : kTexts) record["settings"].erase(name);
  const std::string salt = sha256_hex(record.dump(-1, ' ', false, Json::error_handler_t::replace)).substr(0, 32);
  record["texts"]["salt"] = salt;
  for (const char* name : kTexts)
    if (const auto text = settings.find(name); text != settings.end())
      record["texts"][hash_key(name)] = sha256_hex(salt + text->get<std::string>());
  return record;
}

Json with_texts(Json record, const Request& texts) {
  const JsonObject hashes(record.at("texts"), "the film's record: texts");
  const std::pair<const char*, const std::optional<std::string>&> given[] = {{kTexts[0], texts.prompt},
                                                                             {kTexts[1], texts.negative_prompt}};
  for (const auto& [name, text] : given) {
    if (!hashes.has(hash_key(name))) continue;
    if (!text)
      fail(ErrorKind::input, "the film's {} is not in the film, only its hash; give it with --{} TEXT", name, name);
    if (sha256_hex(hashes.string("salt") + *text) != hashes.string(hash_key(name)))
      fail(ErrorKind::input, "--{}: '{}' is not the text that the film was made with", name, *text);
    record["settings"][name] = *text;
  }
  record.erase("texts");
  return record;
}

}  // namespace soragen::pipeline
