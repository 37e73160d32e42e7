// What scheduler/scheduler_config.json asks for, in one form for every solver.
//
// Source: the diffusers 0.42.1 classes UniPCMultistepScheduler, FlowMatchEulerDiscreteScheduler,
// DPMSolverMultistepScheduler and FlowMatchLCMScheduler, with their defaults for absent keys. Keys that
// the class does not know are ignored, as there. A value that soragen has no equal for is
// Error{unsupported} with the reason; one that the reference rejects too is Error{input}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace soragen::diffusion {

struct SchedulerConfig {
  std::string solver = "unipc";  // a row of solvers()
  int64_t num_train_timesteps = 1000;
  double shift = 1.0;           // "flow_shift" or "shift"
  double shift_terminal = 0.0;  // the last sigma before the final one; 0: wherever it falls

  // Multistep solvers only
  int64_t solver_order = 2;
  bool is_bh1 = false;                     // UniPC's B(h) = h; otherwise B(h) = e^h - 1 (bh2)
  bool lower_order_final = true;           // orders fall to 1 at the last step
  bool final_sigma_is_zero = true;         // otherwise the last sigma is repeated
  std::vector<int64_t> disable_corrector;  // steps that UniC does not correct
};

SchedulerConfig parse_scheduler_config(const JsonObject& object);

// The same model sampled with another solver: what belongs to the model stays (shift and its kin),
// what belongs to the solver becomes that solver's default. Error{usage} for an unknown name.
SchedulerConfig with_solver(const SchedulerConfig& config, std::string_view solver);

}  // namespace soragen::diffusion
