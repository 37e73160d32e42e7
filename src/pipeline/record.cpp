#include "pipeline/record.h"

#include <torch/headeronly/version.h>

#include "core/version.h"
#include "pipeline/options.h"

namespace soragen::pipeline {
namespace {

Json stages_to_json(const Plan& plan) {
  Json stages = Json::array();
  for (const StagePlan& stage : plan.stages) {
    Json entry = {{"name", stage.name},
                  {"dtype", stage.dtype},
                  {"weight_bytes", stage.cost.weights},
                  {"activation_bytes", stage.cost.activations}};
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

// What describes the film and not the place or the machine that made it.
Json settings_to_json(const Plan& plan) {
  Request request = plan.request;
  request.output.reset();
  request.save_latents.reset();
  request.memory.reset();
  return to_json(request);
}

}  // namespace

Json to_json(const Plan& plan, const families::ModelSpec& spec) {
  return {{"model", model_to_json(spec)},
          {"profile", plan.profile.empty() ? Json() : Json(plan.profile)},
          {"settings", settings_to_json(plan)},
          {"sigmas", plan.sampling.schedule.sigmas},
          {"timesteps", plan.sampling.schedule.timesteps},
          {"latent_shape", plan.latent_shape},
          {"memory_limit", plan.memory_limit},
          {"stages", stages_to_json(plan)}};
}

Json make_record(const Plan& plan, const families::ModelSpec& spec, const Json& timings) {
  return {{"generator", {{"name", "soragen"}, {"version", version()}, {"libtorch", TORCH_VERSION}}},
          {"model", model_to_json(spec)},
          {"profile", plan.profile.empty() ? Json() : Json(plan.profile)},
          {"settings", settings_to_json(plan)},
          {"seconds", timings}};
}

}  // namespace soragen::pipeline
