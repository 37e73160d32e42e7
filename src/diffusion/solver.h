// Solvers of the flow ODE dx/dsigma = v, from one noise level of a schedule to the next.
//
// A solver is a function with memory: make one per run, call it once per step, in order. Besides the
// velocity and the sample at sigmas[step] it may take fresh noise. It returns the sample at
// sigmas[step + 1], float32, without changing its arguments.
//
// Precision. The reference keeps latents in float32; a bf16 model's velocity enters UniPC and DPM++
// multiplied by sigma in bf16, and its Euler and LCM round the new latent to bf16. Here velocity and
// sample are float32 throughout, which is the same for a float32 model and closer to the ODE for others.
// Coefficients are computed in double from the schedule's float32 sigmas and rounded once.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "diffusion/noise.h"
#include "diffusion/schedule.h"

namespace soragen::diffusion {

using Solver =
    std::function<at::Tensor(size_t step, const at::Tensor& velocity, const at::Tensor& sample, NoiseSource& noise)>;

struct SolverRow {
  std::string_view name;       // as a person writes it
  std::string_view scheduler;  // its class in diffusers; empty: none
  std::string_view help;
  Schedule (*schedule)(const SchedulerConfig&, int64_t steps);  // null: takes a list of timesteps only
  Schedule (*list_schedule)(const SchedulerConfig&, const std::vector<double>& timesteps);  // null: takes none
  Solver (*make)(const SchedulerConfig&, const Schedule&);
};

std::span<const SolverRow> solvers();
const SolverRow& solver_named(std::string_view name);  // Error{usage} with the nearest name
const SolverRow& solver_for_scheduler(std::string_view class_name, const std::string& where);  // Error{unsupported}

// Error{unsupported} for a combination whose last step is infinite or NaN in the reference.
Solver make_solver(const SchedulerConfig& config, const Schedule& schedule);

}  // namespace soragen::diffusion
