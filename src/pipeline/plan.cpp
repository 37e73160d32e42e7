#include "pipeline/plan.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/fail.h"
#include "families/registry/registry.h"
#include "pipeline/lever_options.h"
#include "pipeline/options.h"
#include "pipeline/profile.h"
#include "pipeline/stages.h"
#include "pipeline/vocabulary.h"
#include "text/clean.h"

namespace soragen::pipeline {
namespace {

using families::Geometry;
using families::ModelSpec;

// "816 or 832": the valid values around one that is not.
std::string neighbours(int64_t value, int64_t multiple, int64_t offset = 0) {
  const int64_t below = (value - offset) / multiple * multiple + offset;
  return below <= offset && offset == 0 ? fmt::format("{}", multiple)
                                        : fmt::format("{} or {}", below, below + multiple);
}

void check_edge(std::string_view name, int64_t pixels, const Geometry& geometry, int axis) {
  const int64_t multiple = geometry.size_multiple(axis), most = multiple * geometry.max_positions;
  if (pixels % multiple != 0)
    fail(ErrorKind::usage, "{} {} is not a multiple of {}, which this model needs; nearest: {}", name, pixels, multiple,
         neighbours(pixels, multiple));
  if (pixels > most) fail(ErrorKind::usage, "{} {} is beyond this model's largest, {}", name, pixels, most);
}

void check_frames(int64_t frames, const Geometry& geometry) {
  const int64_t multiple = geometry.temporal * geometry.patch[0];
  const int64_t first = geometry.temporal * (geometry.patch[0] - 1) + 1;
  const int64_t most = first + multiple * (geometry.max_positions - 1);
  if (frames < first || (frames - first) % multiple != 0)
    fail(ErrorKind::usage, "{} frames are not possible; this model makes {}n + {}; nearest: {}", frames, multiple,
         first, frames < first ? std::to_string(first) : neighbours(frames, multiple, first));
  if (frames > most) fail(ErrorKind::usage, "{} frames are beyond this model's largest, {}", frames, most);
}

diffusion::Guidance make_guidance(const Request& request, size_t steps) {
  diffusion::Guidance guidance{.high_noise = request.guidance.value(),
                               .low_noise = request.guidance_2.value_or(*request.guidance)};
  if (!request.guidance_interval) return guidance;
  if (guidance.high_noise <= 1.0)
    fail(ErrorKind::usage, "--guidance-interval: there is no guidance in this film, --guidance is {}",
         guidance.high_noise);
  const auto step_at = [&](double share) {
    return static_cast<size_t>(std::lround(share * static_cast<double>(steps)));
  };
  guidance.first_step = step_at(request.guidance_interval->begin);
  guidance.end_step = step_at(request.guidance_interval->end);
  guidance.keeps_difference = request.guidance_interval->reuse;
  if (guidance.first_step >= guidance.end_step)
    fail(ErrorKind::usage,
         "--guidance-interval {} leaves none of {} steps with guidance; one step is a share of {:.3f}",
         to_string(*request.guidance_interval), steps, 1.0 / static_cast<double>(steps));
  return guidance;
}

// Two steps must be computed before the cache knows anything, and the last one always is.
void check_step_cache(double threshold, size_t steps) {
  constexpr size_t kFewest = 4;
  if (threshold > 0 && steps < kFewest)
    fail(ErrorKind::usage, "--step-cache finds nothing to save in {} steps; it needs {} and pays from about 15", steps,
         kFewest);
}

diffusion::Sampling make_sampling(const Request& request, const ModelSpec& spec) {
  diffusion::Sampling sampling{.scheduler = spec.scheduler};
  if (request.solver && *request.solver != spec.scheduler.solver)
    sampling.scheduler = diffusion::with_solver(spec.scheduler, *request.solver);
  if (request.shift) sampling.scheduler.shift = *request.shift;
  sampling.schedule = request.timesteps ? diffusion::make_schedule(sampling.scheduler, *request.timesteps)
                                        : diffusion::make_schedule(sampling.scheduler, request.steps.value());
  diffusion::make_solver(sampling.scheduler, sampling.schedule);  // refuses impossible combinations before any work
  sampling.guidance = make_guidance(request, sampling.schedule.steps());
  sampling.step_cache = request.step_cache.value_or(0);
  check_step_cache(sampling.step_cache, sampling.schedule.steps());
  if (spec.boundary_ratio)
    sampling.boundary_timestep = *spec.boundary_ratio * static_cast<double>(sampling.scheduler.num_train_timesteps);
  return sampling;
}

// The request with everything decided, so that it can be stored and asked for again.
Request resolved_request(const Plan& plan, Request request) {
  request.prompt = plan.prompt;
  request.negative_prompt = plan.negative_prompt;
  request.solver = plan.sampling.scheduler.solver;
  request.shift = plan.sampling.scheduler.shift;
  request.guidance_2 = plan.sampling.boundary_timestep ? std::optional(plan.sampling.guidance.low_noise) : std::nullopt;
  request.seed = plan.seed;
  request.dtype = dtype_name(plan.denoise_target);
  request.device = plan.card_limit > 0 ? "cuda" : "cpu";
  request.weights = request.weights.value_or("full");
  request.attention = request.attention.value_or("auto");
  request.threads = plan.threads;
  request.preset.reset();  // its effect is in the values
  return request;
}

}  // namespace

nn::Residency residency(const Plan& plan) {
  if (plan.denoise_blocks.streamed == 0) return {};
  return {.resident = plan.denoise_blocks.resident, .keeps_on_host = !plan.denoise_blocks.is_from_file};
}

Plan make_plan(const Request& asked, const ModelSpec& spec, const Hardware& hardware) {
  const Resolved resolved = resolve(asked, spec);
  const Request& request = resolved.request;
  const families::Family& family = families::family_named(spec.family);
  Plan plan{.prompt = request.prompt.value_or(""),
            .negative_prompt = request.negative_prompt.value_or(""),
            .size = request.size.value(),
            .frames = request.frames.value(),
            .fps = request.fps.value(),
            .seed = request.seed.value_or(0),
            .profile = resolved.profile};
  text::clean_prompt(plan.prompt);  // refuses text that is not UTF-8, before anything is loaded
  text::clean_prompt(plan.negative_prompt);
  check_edge("width", plan.size.width, spec.geometry, 2);
  check_edge("height", plan.size.height, spec.geometry, 1);
  check_frames(plan.frames, spec.geometry);
  if (request.guidance_2 && !spec.boundary_ratio)
    fail(ErrorKind::usage, "--guidance-2 is for checkpoints with two experts; this one has one");
  plan.latent_shape = {spec.geometry.channels, spec.geometry.latent_frames(plan.frames),
                       plan.size.height / spec.geometry.spatial, plan.size.width / spec.geometry.spatial};
  plan.sampling = make_sampling(request, spec);
  choose_targets(plan, request, hardware);
  plan.threads = std::min(request.threads.value_or(hardware.threads), std::max<int64_t>(hardware.threads, 1));
  // A tenth stays for the encoder, the libraries and the rest of the machine.
  plan.memory_limit = request.memory.value_or(hardware.memory / 10 * 9);
  if (request.vram && plan.card_limit == 0)
    plan.warnings.push_back("--vram has no effect: this film is made on the processor");
  if (!asked.negative_prompt.value_or("").empty() && plan.sampling.guidance.high_noise <= 1.0)
    plan.warnings.push_back(
        fmt::format("--negative-prompt has no effect: there is no guidance in this film, --guidance is {}",
                    plan.sampling.guidance.high_noise));
  plan_stages(plan, family, spec);
  plan.loras = plan_loras(request.lora.value_or(std::vector<LoraChoice>{}), spec);
  if (const auto vocabulary = asked.prompt ? read_vocabulary(spec) : std::nullopt)
    if (std::string hint = unknown_prompt_hint(*vocabulary, plan.prompt); !hint.empty()) plan.warnings.push_back(hint);
  plan.request = resolved_request(plan, request);
  return plan;
}

}  // namespace soragen::pipeline
