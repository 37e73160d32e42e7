#include "pipeline/generator.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/cancellation.h"
#include "core/fail.h"
#include "core/log.h"
#include "families/registry/registry.h"
#include "ops/attention.h"
#include "pipeline/decode_ladder.h"
#include "pipeline/device.h"
#include "pipeline/memory_pools.h"
#include "text/clean.h"

namespace soragen::pipeline {
namespace {

// Adds the time of a scope to a stage.
class Stopwatch {
 public:
  Stopwatch(Json& timings, std::string stage) : timings_(timings), stage_(std::move(stage)) {}
  ~Stopwatch() {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start_;
    timings_[stage_] = timings_.value(stage_, 0.0) + seconds.count();
  }

 private:
  Json& timings_;
  std::string stage_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

families::LoadProgress report(const ProgressFn& progress) {
  if (!progress) return {};
  return [&progress](int done, int total) { progress({Stage::load, done, total}); };
}

}  // namespace

families::ModelSpec open_model(const std::filesystem::path& directory) { return families::read_model(directory); }

using Embeddings = std::map<std::string, at::Tensor>;  // by prompt

// What is loaded at the moment, and the embeddings of prompts seen so far. The films of a batch may differ in precision
// and device: each part is loaded again when its target changes.
struct Generator::Parts {
  Embeddings& embeddings(const nn::Target& target) {
    const auto found = std::ranges::find(embeddings_by_target, target, &std::pair<nn::Target, Embeddings>::first);
    if (found != embeddings_by_target.end()) return found->second;
    return embeddings_by_target.emplace_back(target, Embeddings()).second;
  }

  const families::Family& family;
  std::optional<text::Tokenizer> tokenizer;
  std::unique_ptr<text::TextEncoder> text_encoder;
  nn::Target loaded_text_target;
  std::unique_ptr<diffusion::Denoiser> denoiser;
  diffusion::Expert loaded_expert = diffusion::Expert::high_noise;
  std::vector<families::Adapter> loaded_adapters;
  nn::Target loaded_target;
  nn::Residency loaded_residency;
  std::unique_ptr<families::FrameDecoder> decoder;
  nn::Target loaded_decode_target;
  std::vector<std::pair<nn::Target, Embeddings>> embeddings_by_target;
  Json timings = Json::object();
};

Generator::Generator(families::ModelSpec spec, bool keep_loaded)
    : spec_(std::move(spec)), keep_loaded_(keep_loaded), parts_(new Parts{families::family_named(spec_.family)}) {
  keep_freed_memory();
}
Generator::~Generator() = default;

void Generator::keep_loaded(bool keep) {
  keep_loaded_ = keep;
  if (keep) return;
  parts_->text_encoder.reset();
  parts_->denoiser.reset();
  parts_->decoder.reset();
  return_freed_memory();
}

Json Generator::take_timings() { return std::exchange(parts_->timings, Json::object()); }

void Generator::encode_ahead(const std::vector<Plan>& plans, const ProgressFn& progress) {
  std::vector<nn::Target> targets;
  for (const Plan& plan : plans)
    if (std::ranges::find(targets, plan.text_target) == targets.end()) targets.push_back(plan.text_target);
  for (const nn::Target& target : targets) {
    std::vector<const Plan*> same;
    for (const Plan& plan : plans)
      if (plan.text_target == target) same.push_back(&plan);
    encode_together(same, progress);
  }
}

void Generator::encode_together(const std::vector<const Plan*>& plans, const ProgressFn& progress) {
  const Plan& first = *plans.front();
  Embeddings& embeddings = parts_->embeddings(first.text_target);
  std::vector<std::string> missing;
  const auto want = [&](const std::string& prompt) {
    if (!embeddings.contains(prompt) && std::ranges::find(missing, prompt) == missing.end()) missing.push_back(prompt);
  };
  for (const Plan* plan : plans) {
    want(plan->prompt);
    if (is_guided(*plan)) want(plan->negative_prompt);
  }
  if (missing.empty()) return;

  prepare_device(first);
  const c10::InferenceMode inference;
  at::set_num_threads(static_cast<int>(first.threads));
  if (!parts_->tokenizer) parts_->tokenizer.emplace(spec_.directory / "tokenizer");
  if (!parts_->text_encoder || parts_->loaded_text_target != first.text_target) {
    const Stopwatch time(parts_->timings, "load");
    parts_->text_encoder.reset();
    parts_->text_encoder = parts_->family.load_text_encoder(spec_, first.text_target, first.stream_text_encoder);
    parts_->loaded_text_target = first.text_target;
  }
  const Stopwatch time(parts_->timings, "text");
  std::vector<text::Tokens> tokens;
  for (const std::string& prompt : missing) {
    tokens.push_back(parts_->tokenizer->encode(text::clean_prompt(prompt), spec_.text_tokens));
    if (tokens.back().truncated())
      log_warning("the prompt is {} tokens too long for this model; its end is not used", tokens.back().dropped);
  }
  const auto encoded = parts_->text_encoder->encode(tokens, [&](int done, int total) {
    if (progress) progress({Stage::text, done, total});
  });
  for (size_t i = 0; i < missing.size(); ++i) embeddings[missing[i]] = encoded[i].states;
  if (!keep_loaded_ || first.stream_text_encoder) {
    parts_->text_encoder.reset();
    return_freed_memory();
  }
}

bool Generator::is_guided(const Plan& plan) {
  return diffusion::guidance_scale(plan.sampling.guidance, diffusion::Expert::high_noise) > 1.0;
}

at::Tensor Generator::denoise(const Plan& plan, const ProgressFn& progress) {
  encode_ahead({plan}, progress);
  const c10::InferenceMode inference;
  at::set_num_threads(static_cast<int>(plan.threads));
  ops::choose_attention(plan.request.attention.value_or("auto"));
  const Embeddings& embeddings = parts_->embeddings(plan.text_target);
  diffusion::Conditioning conditioning{.prompt = embeddings.at(plan.prompt), .negative = {}};
  if (is_guided(plan)) conditioning.negative = embeddings.at(plan.negative_prompt);

  const auto expert = [&](diffusion::Expert wanted) -> diffusion::Denoiser& {
    const auto adapters = adapters_for(plan.loras, wanted);
    if (!parts_->denoiser || parts_->loaded_expert != wanted || parts_->loaded_adapters != adapters ||
        parts_->loaded_target != plan.denoise_target || parts_->loaded_residency != residency(plan)) {
      const Stopwatch time(parts_->timings, "load");
      parts_->denoiser.reset();  // two experts never share the memory
      parts_->denoiser =
          parts_->family.load_denoiser(spec_, wanted, adapters, plan.denoise_target, residency(plan), report(progress));
      parts_->loaded_expert = wanted;
      parts_->loaded_adapters = adapters;
      parts_->loaded_target = plan.denoise_target;
      parts_->loaded_residency = residency(plan);
    }
    return *parts_->denoiser;
  };
  const double load_before = parts_->timings.value("load", 0.0);
  const auto start = std::chrono::steady_clock::now();
  diffusion::NoiseSource source(plan.seed);
  const at::Tensor noise = source.draw(plan.latent_shape).to(plan.denoise_target.device);
  const at::Tensor latent =
      diffusion::denoise(plan.sampling, noise, conditioning, expert, source, progress).to(at::kCPU);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  parts_->timings["denoise"] = seconds.count() - (parts_->timings.value("load", 0.0) - load_before);
  if (!keep_loaded_) {
    parts_->denoiser.reset();
    return_freed_memory();
  }
  return latent;
}

void Generator::decode(const Plan& plan, const at::Tensor& latent, FrameSink& sink, const ProgressFn& progress) {
  if (latent.sizes() != at::IntArrayRef(plan.latent_shape))
    fail(ErrorKind::input, "latents of shape {} do not fit a film of shape {}",
         weights::to_string(latent.sizes().vec()), weights::to_string(plan.latent_shape));
  prepare_device(plan);
  const c10::InferenceMode inference;
  at::set_num_threads(static_cast<int>(plan.threads));
  ops::choose_attention("auto");  // the choice is about the transformer
  if (!parts_->decoder || parts_->loaded_decode_target != plan.decode_target) {
    const Stopwatch time(parts_->timings, "load");
    parts_->decoder.reset();
    parts_->loaded_decode_target = plan.decode_target;
    parts_->decoder = parts_->family.load_decoder(spec_, plan.decode_target, report(progress));
  }
  const Stopwatch time(parts_->timings, "decode");
  int done = 0;
  Frame frame{.width = static_cast<int>(plan.size.width), .height = static_cast<int>(plan.size.height), .rgb = {}};
  const auto push = [&](const at::Tensor& frames) {  // uint8 [T, H, W, 3]
    const size_t bytes = static_cast<size_t>(frames.stride(0));
    for (int64_t t = 0; t < frames.size(0); ++t) {
      check_cancelled();
      const auto* data = frames.const_data_ptr<uint8_t>() + static_cast<size_t>(t) * bytes;
      frame.rgb.assign(data, data + bytes);
      sink.push(frame);
      if (progress) progress({Stage::decode, ++done, static_cast<int>(plan.frames)});
    }
  };
  decode_within_memory(*parts_->decoder, latent, plan.decode, decode_ladder(plan.size.width, plan.size.height), push);
  sink.finish();
  if (!keep_loaded_) parts_->decoder.reset();
}

}  // namespace soragen::pipeline
