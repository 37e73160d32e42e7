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
#include "pipeline/vocabulary.h"
#include "text/clean.h"

namespace soragen::pipeline {
namespace {

using families::Geometry;
using families::ModelSpec;

constexpr int64_t kGiB = int64_t{1} << 30;

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

nn::Target choose_target(const Request& request, const Hardware& hardware) {
  if (request.device.value_or("auto") == "cuda")
    fail(ErrorKind::unsupported, "--device cuda: this soragen was built without the CUDA plug-in; use cpu or auto");
  const std::string dtype = request.dtype.value_or("auto");
  if (dtype == "bf16" && !hardware.has_fast_bf16)
    fail(ErrorKind::unsupported, "--dtype bf16: this processor has {}; use fp32 or auto", hardware.bf16_reason);
  const bool bf16 = dtype == "bf16" || (dtype == "auto" && hardware.has_fast_bf16);
  return {bf16 ? at::kBFloat16 : at::kFloat, at::kCPU};
}

std::string dtype_name(const nn::Target& target) { return target.dtype == at::kBFloat16 ? "bf16" : "fp32"; }

// Bytes of the weight files of a component, as they would be in the target's precision.
int64_t component_bytes(const ModelSpec& spec, const std::string& component) {
  int64_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(spec.directory / component))
    if (file.path().extension() == ".safetensors") bytes += static_cast<int64_t>(file.file_size());
  return bytes;
}

std::string gib(int64_t bytes) {
  return fmt::format("{:.2f} GiB", static_cast<double>(bytes) / static_cast<double>(kGiB));
}

// The first of these that fits, fastest first. Whole chunks of several latent frames fill the small
// levels' products but cost memory, so they are taken only while they stay small.
families::DecodeOptions choose_decode(const Plan& plan, const families::Family& family, const ModelSpec& spec,
                                      families::StageCost& cost, std::string& note) {
  constexpr int64_t kSmall = kGiB;
  const families::FilmSize film{plan.size.width, plan.size.height, plan.frames};
  const auto fits = [&](const families::DecodeOptions& options, int64_t most) {
    cost = family.decode_cost(spec, plan.decode_target, film, options);
    return cost.weights + cost.activations <= most;
  };
  for (const int64_t latent_frames : {8, 4, 2})
    if (const families::DecodeOptions options{.latent_frames = latent_frames};
        fits(options, std::min(plan.memory_limit, kSmall)))
      return options;
  if (fits({}, plan.memory_limit)) return {};
  note = "frame by frame";
  if (const families::DecodeOptions options{.frames_per_pass = 1}; fits(options, plan.memory_limit)) return options;
  for (const int64_t tile : {512, 384, 256}) {
    // 256 with a stride of 192 is the reference's tiling; tiles must be whole tokens of any geometry.
    const families::DecodeOptions options{.frames_per_pass = 1, .tile = tile, .tile_stride = tile / 4 * 3};
    note = fmt::format("tiles of {0}x{0}, frame by frame", tile);
    if ((tile < film.width || tile < film.height) && fits(options, plan.memory_limit)) return options;
  }
  fail(ErrorKind::resource,
       "decoding {}x{} needs {} even in small tiles, {} may be used; choose a smaller --size or raise --memory",
       film.width, film.height, gib(cost.weights + cost.activations), gib(plan.memory_limit));
}

void plan_stages(Plan& plan, const families::Family& family, const ModelSpec& spec) {
  const int64_t text_bytes = component_bytes(spec, "text_encoder");
  // A large encoder is read block by block: it runs once a film or a batch, and would push out the rest.
  plan.stream_text_encoder = text_bytes > std::min(2 * kGiB, plan.memory_limit / 4);
  const int64_t layers = spec.facts["text_encoder"].value("num_layers", int64_t{1});
  plan.stages.push_back(
      {.name = "text",
       .dtype = dtype_name(plan.text_target),
       .cost = {.weights = plan.stream_text_encoder ? 2 * text_bytes / std::max<int64_t>(1, layers) : text_bytes},
       .note = plan.stream_text_encoder ? "read block by block" : ""});
  const families::FilmSize film{plan.size.width, plan.size.height, plan.frames};
  const families::StageCost denoise = family.denoise_cost(spec, plan.denoise_target, film);
  plan.stages.push_back({.name = "denoise",
                         .dtype = dtype_name(plan.denoise_target),
                         .cost = denoise,
                         .note = spec.boundary_ratio ? "one of two experts at a time" : ""});
  if (denoise.weights + denoise.activations > plan.memory_limit)
    fail(ErrorKind::resource,
         "denoising {}x{}, {} frames, needs {} for weights and {} for activations, {} may be used; choose a smaller "
         "--size, fewer "
         "--frames or --dtype bf16",
         plan.size.width, plan.size.height, plan.frames, gib(denoise.weights), gib(denoise.activations),
         gib(plan.memory_limit));
  StagePlan decode{.name = "decode", .dtype = dtype_name(plan.decode_target)};
  plan.decode = choose_decode(plan, family, spec, decode.cost, decode.note);
  plan.stages.push_back(decode);
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
  request.device = "cpu";
  request.attention = request.attention.value_or("auto");
  request.threads = plan.threads;
  request.preset.reset();  // its effect is in the values
  return request;
}

}  // namespace

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
  plan.text_target = plan.denoise_target = plan.decode_target = choose_target(request, hardware);
  plan.threads = std::min(request.threads.value_or(hardware.threads), std::max<int64_t>(hardware.threads, 1));
  // A tenth stays for the encoder, the libraries and the rest of the machine.
  plan.memory_limit = request.memory.value_or(hardware.memory / 10 * 9);
  plan_stages(plan, family, spec);
  plan.loras = plan_loras(request.lora.value_or(std::vector<LoraChoice>{}), spec);
  if (const auto vocabulary = asked.prompt ? read_vocabulary(spec) : std::nullopt)
    if (std::string hint = unknown_prompt_hint(*vocabulary, plan.prompt); !hint.empty()) plan.warnings.push_back(hint);
  plan.request = resolved_request(plan, request);
  return plan;
}

}  // namespace soragen::pipeline
