// The denoising loop: noise in, latent out.
//
// Call it under c10::InferenceMode. It stops between steps when cancellation was asked for
// (Error{interrupted}), and refuses NaN and infinity with the step where they began (Error{input}).
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>

#include "diffusion/denoiser.h"
#include "diffusion/guidance.h"
#include "diffusion/noise.h"
#include "diffusion/solver.h"
#include "diffusion/step_cache.h"
#include "soragen/progress.h"

namespace soragen::diffusion {

struct Sampling {
  SchedulerConfig scheduler;
  Schedule schedule;
  Guidance guidance;
  // boundary_ratio * num_train_timesteps: below it the low-noise expert works. Absent: one model, which
  // counts as the high-noise expert.
  std::optional<double> boundary_timestep;
  double step_cache = 0;  // StepCache's threshold, 0: off
};

// The expert that works at a timestep.
Expert expert_at(const Sampling& sampling, double timestep);

// Gives the model for an expert; asked once per change of expert, so that the pipeline may free the
// one and load the other. The reference stays valid until the next call.
using ExpertFn = std::function<Denoiser&(Expert)>;

// noise: [C, T, H, W] float32, the first draw of `source`, on the device of the models.
at::Tensor denoise(const Sampling& sampling, const at::Tensor& noise, const Conditioning& conditioning,
                   const ExpertFn& expert, NoiseSource& source, const ProgressFn& progress = {});

}  // namespace soragen::diffusion
