// Noise levels of a run: sigma falls from about 1 (noise) to 0 (film).
//
// Equal, bit for bit, to what set_timesteps of the diffusers 0.42.1 scheduler gives for the same
// configuration: the order of operations and the width of each (numpy's float64, torch's float32)
// are part of the contract, because one ulp can move an integer timestep.
#pragma once

#include <cstdint>
#include <vector>

#include "diffusion/scheduler_config.h"

namespace soragen::diffusion {

struct Schedule {
  std::vector<float> sigmas;     // steps + 1, never rising
  std::vector<float> timesteps;  // steps; what the model is told. Integers for the multistep solvers
  size_t steps() const { return timesteps.size(); }
};

// steps: 1 to config.num_train_timesteps, else Error{usage}.
Schedule make_schedule(const SchedulerConfig& config, int64_t steps);

// For few-step checkpoints, which come with the list of timesteps they were distilled at. The list must
// fall strictly within (0, config.num_train_timesteps], else Error{input}.
Schedule make_schedule(const SchedulerConfig& config, const std::vector<double>& timesteps);

// One each for the table of solvers; make_schedule checks what they rely on. Of lists two habits exist:
// 1000,750,500,250 (LightX2V) are places before the shift, and the model is told the shifted ones;
// 1000,757,522 (FastVideo) is what the model is told, and sigma is the nearest of the shifted grid.
Schedule unipc_schedule(const SchedulerConfig& config, int64_t steps);
Schedule dpmpp_schedule(const SchedulerConfig& config, int64_t steps);
Schedule flow_match_schedule(const SchedulerConfig& config, int64_t steps);
Schedule list_before_shift(const SchedulerConfig& config, const std::vector<double>& timesteps);
Schedule list_after_shift(const SchedulerConfig& config, const std::vector<double>& timesteps);

}  // namespace soragen::diffusion
