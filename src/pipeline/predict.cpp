// How long a plan will take: its operations at this machine's measured rate.
#include <ATen/Parallel.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/rand.h>

#include <chrono>

#include "pipeline/plan.h"

namespace soragen::pipeline {
namespace {

// Shares of the matrix product's rate that whole stages reach, measured on a 2-core AVX512_BF16 machine
// with the shapes of scripts/bench.
constexpr double kDenoiseShare = 0.8, kDecodeShare = 0.8;

double product_rate(at::ScalarType dtype) {
  constexpr int64_t kSize = 768;
  const at::Tensor a = at::rand({kSize, kSize}, at::kFloat).to(dtype),
                   b = at::rand({kSize, kSize}, at::kFloat).to(dtype);
  double best = 0;
  for (int i = 0; i < 4; ++i) {
    const auto start = std::chrono::steady_clock::now();
    at::mm(a, b);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * kSize * kSize * kSize / seconds.count());
  }
  return best;
}

// The cost is that of a step with both branches; one with the prompt's alone counts half. What a step cache will
// save shows only on the way.
double guided_steps(const diffusion::Sampling& sampling) {
  double steps = 0;
  for (size_t step = 0; step < sampling.schedule.steps(); ++step) {
    const diffusion::Expert expert = diffusion::expert_at(sampling, sampling.schedule.timesteps[step]);
    const bool has_both = guidance_use(sampling.guidance, expert, step) == diffusion::GuidanceUse::computed;
    steps += has_both ? 1.0 : 0.5;
  }
  return steps;
}

// Every expert that works takes the text once.
double seconds_for_text(const Plan& plan) {
  const auto& timesteps = plan.sampling.schedule.timesteps;
  const bool both = diffusion::expert_at(plan.sampling, timesteps.front()) !=
                    diffusion::expert_at(plan.sampling, timesteps[plan.sampling.schedule.steps() - 1]);
  return (both ? 2 : 1) * plan.denoise_blocks.text_seconds;
}

// At the assumed rates: the card need not be there.
void predict_on_card(const Plan& plan, StagePlan& stage) {
  if (stage.name == "denoise") {
    const double both = diffusion::guidance_scale(plan.sampling.guidance, diffusion::Expert::high_noise) > 1.0 ? 1 : 2;
    stage.seconds = guided_steps(plan.sampling) * both * plan.denoise_blocks.step_seconds() + seconds_for_text(plan);
  }
  if (stage.name == "decode") stage.seconds = stage.cost.flop / (kAssumedFlopRate * kDecodeShare);
}

}  // namespace

MachineRate measure_rate(int64_t threads, bool bf16) {
  at::set_num_threads(static_cast<int>(threads));
  return {.fp32 = product_rate(at::kFloat), .bf16 = bf16 ? product_rate(at::kBFloat16) : 0};
}

void predict_seconds(Plan& plan, const MachineRate& rate) {
  for (StagePlan& stage : plan.stages) {
    if (stage.place == "cuda") {
      predict_on_card(plan, stage);
      continue;
    }
    const double speed = stage.dtype == "bf16" ? rate.bf16 : rate.fp32;
    if (speed <= 0) continue;
    if (stage.name == "denoise") {
      stage.seconds = guided_steps(plan.sampling) * stage.cost.flop / (speed * kDenoiseShare) +
                      static_cast<double>(plan.sampling.schedule.steps()) * plan.denoise_blocks.copy_seconds +
                      seconds_for_text(plan);
    }
    if (stage.name == "decode") stage.seconds = stage.cost.flop / (speed * kDecodeShare);
  }
}

}  // namespace soragen::pipeline
