#include "pipeline/stages.h"

#include <algorithm>

#include "core/fail.h"
#include "ops/attention.h"
#include "pipeline/decode_ladder.h"

namespace soragen::pipeline {
namespace {

using families::Family;
using families::ModelSpec;

constexpr int64_t kGiB = int64_t{1} << 30;

std::string gib(int64_t bytes) {
  return fmt::format("{:.2f} GiB", static_cast<double>(bytes) / static_cast<double>(kGiB));
}

families::FilmSize film_of(const Plan& plan) { return {plan.size.width, plan.size.height, plan.frames}; }

int64_t bytes_of(const families::StageCost& cost) { return cost.weights + cost.activations; }

StagePlan stage_named(const char* name, const nn::Target& target) {
  const bool is_card = target.device.is_cuda();
  return {.name = name,
          .place = is_card ? "cuda" : "cpu",
          .dtype = dtype_name(target),
          .cost = {},
          .workspace = is_card ? kCardContext + kCardWorkspace : 0,
          .note = ""};
}

nn::Target processor_target(const std::string& dtype, const Hardware& hardware) {
  if (dtype == "bf16" && !hardware.has_fast_bf16)
    fail(ErrorKind::unsupported, "--dtype bf16: this processor has {}; use fp32 or auto", hardware.bf16_reason);
  const bool is_bf16 = dtype == "bf16" || (dtype == "auto" && hardware.has_fast_bf16);
  return {is_bf16 ? at::kBFloat16 : at::kFloat, at::kCPU};
}

// Bytes of the weight files of a component.
int64_t component_bytes(const ModelSpec& spec, const std::string& component) {
  int64_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(spec.directory / component))
    if (file.path().extension() == ".safetensors") bytes += static_cast<int64_t>(file.file_size());
  return bytes;
}

void plan_text_on_processor(Plan& plan, const ModelSpec& spec) {
  const int64_t bytes = component_bytes(spec, "text_encoder");
  // A large encoder is read block by block: it runs once a film or a batch, and would push out the rest.
  plan.stream_text_encoder = bytes > std::min(2 * kGiB, plan.memory_limit / 4);
  const int64_t layers = spec.facts["text_encoder"].value("num_layers", int64_t{1});
  StagePlan stage = stage_named("text", plan.text_target);
  stage.cost.weights = plan.stream_text_encoder ? 2 * bytes / std::max<int64_t>(1, layers) : bytes;
  stage.note = plan.stream_text_encoder ? "read block by block" : "";
  plan.stages.push_back(stage);
}

void plan_text_on_card(Plan& plan, const ModelSpec& spec, int64_t budget, const nn::Target& processor) {
  const BlockSizes sizes = block_sizes(spec.directory / "text_encoder", plan.text_target);
  const TextPlace place = place_text(sizes, budget);
  if (place == TextPlace::processor) {
    plan.text_target = processor;
    return plan_text_on_processor(plan, spec);
  }
  plan.stream_text_encoder = place == TextPlace::card_by_blocks;
  StagePlan stage = stage_named("text", plan.text_target);
  stage.cost.weights = text_bytes(sizes, place);
  if (plan.stream_text_encoder)
    stage.note = fmt::format("{} blocks copied one by one, {:.1f} s of copies", sizes.count,
                             static_cast<double>(sizes.count * sizes.block) / kAssumedCopyRate);
  plan.stages.push_back(stage);
}

BlockSizes transformer_sizes(const Plan& plan, const ModelSpec& spec) {
  return block_sizes(spec.directory / "transformer", plan.denoise_target);
}

bool is_guided(const Plan& plan) { return plan.sampling.guidance.high_noise > 1.0; }
// The branches of a film too long for one batch follow each other, and each needs every block.
int passes_of(const Plan& plan) { return is_guided(plan) ? 2 : 1; }

std::string note_on(const BlockPlacement& placement, int64_t count) {
  const std::string note =
      fmt::format("{} of {} blocks stay, {} {} each step: {:.1f} s", placement.resident, count, placement.streamed,
                  placement.is_from_file ? "read from the file" : "copied", placement.copy_seconds);
  if (placement.is_from_file) return note;
  return note + fmt::format(", {} {:.1f} s of products", placement.is_hidden() ? "hidden behind" : "longer than",
                            placement.product_seconds);
}

void add_denoising(Plan& plan, StagePlan stage, const ModelSpec& spec, int64_t count) {
  if (plan.denoise_blocks.streamed > 0)
    stage.note = note_on(plan.denoise_blocks, count);
  else if (spec.boundary_ratio)
    stage.note = "one of two experts at a time";
  plan.stages.push_back(std::move(stage));
}

void plan_denoising_on_processor(Plan& plan, const Family& family, const ModelSpec& spec) {
  StagePlan stage = stage_named("denoise", plan.denoise_target);
  stage.cost = family.denoise_cost(spec, plan.denoise_target, film_of(plan));
  if (bytes_of(stage.cost) <= plan.memory_limit) return add_denoising(plan, std::move(stage), spec, 0);
  const BlockSizes sizes = transformer_sizes(plan, spec);
  const auto placement = place_blocks(sizes, stage.cost.activations, plan.memory_limit, passes_of(plan), 0);
  if (!placement)
    fail(ErrorKind::resource,
         "denoising {}x{}, {} frames, needs {} for activations and {} for two blocks of {}, {} may be used; choose a "
         "smaller --size, fewer --frames, --dtype bf16, --weights int8 or a larger --memory",
         plan.size.width, plan.size.height, plan.frames, gib(stage.cost.activations), gib(2 * sizes.block), sizes.count,
         gib(plan.memory_limit));
  plan.denoise_blocks = *placement;
  read_from_file(plan.denoise_blocks, passes_of(plan));
  stage.cost.weights = placement->weights;
  add_denoising(plan, std::move(stage), spec, sizes.count);
}

void plan_denoising_on_card(Plan& plan, const Family& family, const ModelSpec& spec, int64_t budget) {
  StagePlan stage = stage_named("denoise", plan.denoise_target);
  stage.cost = family.denoise_cost(spec, plan.denoise_target, film_of(plan));
  const BlockSizes sizes = transformer_sizes(plan, spec);
  const auto placement = place_blocks(sizes, stage.cost.activations, budget, passes_of(plan),
                                      stage.cost.flop / (is_guided(plan) ? 1 : 2) / kAssumedFlopRate);
  if (!placement)
    fail(
        ErrorKind::resource,
        "denoising {}x{}, {} frames, needs {} for activations and {} for two blocks of {} on the card, {} may be used; "
        "choose a smaller --size, fewer --frames, --weights int8 or a larger --vram",
        plan.size.width, plan.size.height, plan.frames, gib(stage.cost.activations), gib(2 * sizes.block), sizes.count,
        gib(budget));
  plan.denoise_blocks = *placement;
  stage.cost.weights = placement->weights;
  if (placement->copied > plan.memory_limit) read_from_file(plan.denoise_blocks, passes_of(plan));
  add_denoising(plan, std::move(stage), spec, sizes.count);
}

// The first rung of the ladder that fits. Whole chunks of several latent frames fill the small levels' products but
// cost memory, so they are taken only while they stay small.
void plan_decoding(Plan& plan, const Family& family, const ModelSpec& spec, int64_t budget, const char* option) {
  constexpr int64_t kSmall = kGiB;
  StagePlan stage = stage_named("decode", plan.decode_target);
  for (const DecodeRung& rung : decode_ladder(plan.size.width, plan.size.height)) {
    stage.cost = family.decode_cost(spec, plan.decode_target, film_of(plan), rung.options);
    if (bytes_of(stage.cost) > (rung.only_if_small ? std::min(budget, kSmall) : budget)) continue;
    plan.decode = rung.options;
    stage.note = rung.note;
    plan.stages.push_back(stage);
    return;
  }
  fail(ErrorKind::resource,
       "decoding {}x{} needs {} even in small tiles, {} may be used; choose a smaller --size or raise {}",
       plan.size.width, plan.size.height, gib(bytes_of(stage.cost)), gib(budget), option);
}

void plan_stages_on_card(Plan& plan, const Family& family, const ModelSpec& spec) {
  const int64_t budget = plan.card_limit - kCardContext - kCardWorkspace;
  plan_text_on_card(plan, spec, budget, plan.processor_target);
  plan_denoising_on_card(plan, family, spec, budget);
  plan_decoding(plan, family, spec, budget, "--vram");
}

}  // namespace

std::string dtype_name(const nn::Target& target) { return target.dtype == at::kBFloat16 ? "bf16" : "fp32"; }

void choose_targets(Plan& plan, const Request& request, const Hardware& hardware) {
  const std::string device = request.device.value_or("auto"), dtype = request.dtype.value_or("auto"),
                    attention = request.attention.value_or("auto");
  const ops::WeightForm weights =
      request.weights.value_or("full") == "int8" ? ops::WeightForm::int8 : ops::WeightForm::full;
  if (device == "cuda" && !hardware.card)
    fail(ErrorKind::unsupported, "--device cuda: {}; use cpu or auto", hardware.no_card);
  if (device == "cpu" || !hardware.card) {
    const auto refuse = [&](const std::string& asked) {
      fail(ErrorKind::unsupported, "{} is for CUDA cards, this film is made on the processor{}", asked,
           hardware.no_card.empty() ? "" : ": " + hardware.no_card);
    };
    if (ops::is_cuda_attention(attention)) refuse("--attention " + attention);
    if (request.cuda_graphs.value_or(false)) refuse("cuda_graphs");
    plan.text_target = plan.denoise_target = plan.decode_target = processor_target(dtype, hardware);
    plan.denoise_target.weights = weights;
    return;
  }
  plan.card_limit = std::min(request.vram.value_or(hardware.card->memory), hardware.card->memory);
  plan.processor_target = processor_target(dtype == "bf16" ? "auto" : dtype, hardware);
  plan.text_target = plan.denoise_target =
      plan.decode_target = {dtype == "fp32" ? at::kFloat : at::kBFloat16, at::Device(at::kCUDA, 0)};
  plan.denoise_target.weights = weights;
}

void plan_stages(Plan& plan, const Family& family, const ModelSpec& spec) {
  if (plan.card_limit > 0) return plan_stages_on_card(plan, family, spec);
  plan_text_on_processor(plan, spec);
  plan_denoising_on_processor(plan, family, spec);
  plan_decoding(plan, family, spec, plan.memory_limit, "--memory");
}

}  // namespace soragen::pipeline
