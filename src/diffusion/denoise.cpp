#include "diffusion/denoise.h"

#include <ATen/ops/isfinite.h>

#include <deque>

#include "core/cancellation.h"
#include "core/fail.h"

namespace soragen::diffusion {
namespace {

std::string_view to_string(Expert expert) { return expert == Expert::high_noise ? "high-noise" : "low-noise"; }

struct Place {
  size_t step, steps;
  double timestep;
  Expert expert;
};

// Not our bug and nothing to repair: damaged weights, or values that overflow in a narrow dtype.
void check_finite(const at::Tensor& values, std::string_view what, const Place& place) {
  const int64_t bad = values.numel() - at::isfinite(values).sum().item<int64_t>();
  if (bad == 0) return;
  fail(ErrorKind::input,
       "denoising step {} of {} (timestep {}, {} model): {} of {} values of {} are NaN or infinite, the first in this "
       "film; the weights are damaged, or numbers overflow in this precision (float32 reaches farthest)",
       place.step + 1, place.steps, place.timestep, to_string(place.expert), bad, values.numel(), what);
}

// What a step made. Whatever is not finite in it ends in the latent, so that this alone is asked about.
struct StepResult {
  Place place;
  Velocities velocities;
  at::Tensor latent, is_finite;

  void check() const {  // waits for the device
    if (is_finite.item<bool>()) return;
    check_finite(velocities.cond, "the velocity for the prompt", place);
    if (velocities.uncond.defined()) check_finite(velocities.uncond, "the velocity for the negative prompt", place);
    check_finite(latent, "the latent after the solver", place);
  }
};

}  // namespace

Expert expert_at(const Sampling& sampling, double timestep) {
  // In float32, as the reference compares a tensor with a Python number.
  const bool is_high =
      !sampling.boundary_timestep || static_cast<float>(timestep) >= static_cast<float>(*sampling.boundary_timestep);
  return is_high ? Expert::high_noise : Expert::low_noise;
}

at::Tensor denoise(const Sampling& sampling, const at::Tensor& noise, const Conditioning& conditioning,
                   const ExpertFn& expert, NoiseSource& source, const ProgressFn& progress) {
  SORAGEN_ASSERT(noise.dim() == 4 && noise.scalar_type() == at::kFloat);
  Solver solve = make_solver(sampling.scheduler, sampling.schedule);
  Guide guide(sampling.guidance);
  const size_t steps = sampling.schedule.steps();
  StepCache cache(sampling.step_cache, steps);
  const auto report = [&](size_t done) {
    if (progress) progress({.stage = Stage::denoise, .done = static_cast<int>(done), .total = static_cast<int>(steps)});
  };

  // A card is given the next step before the one that it computes is waited for: else it would idle in between.
  const size_t ahead = noise.is_cuda() ? 1 : 0;
  std::deque<StepResult> begun;
  const auto finish = [&](size_t left) {
    for (; begun.size() > left; begun.pop_front()) {
      begun.front().check();
      report(begun.front().place.step + 1);
    }
  };

  at::Tensor latent = noise;
  Denoiser* model = nullptr;
  Expert working = Expert::high_noise;
  for (size_t step = 0; step < steps; ++step) {
    check_cancelled();
    const double timestep = sampling.schedule.timesteps[step];
    if (const Expert needed = expert_at(sampling, timestep); model == nullptr || needed != working) {
      finish(0);
      model = &expert(needed);
      model->begin(conditioning);
      cache.forget();
      working = needed;
      report(step);  // an expert may just have been loaded, which had reports of its own
    }

    const Place place{step, steps, timestep, working};
    const bool guided = guidance_use(sampling.guidance, working, step) == GuidanceUse::computed;
    std::optional<Velocities> velocities = cache.recall(step, latent, guided);
    if (!velocities) {
      velocities = model->velocity(latent, timestep, guided);
      SORAGEN_ASSERT(velocities->cond.sizes() == latent.sizes());
      SORAGEN_ASSERT(!guided || velocities->uncond.sizes() == latent.sizes());
      cache.keep(latent, *velocities);
    }
    latent = solve(step, guide(*velocities, working, step), latent, source);
    begun.push_back({place, *velocities, latent, at::isfinite(latent).all()});
    finish(ahead);
  }
  finish(0);
  return latent;
}

}  // namespace soragen::diffusion
