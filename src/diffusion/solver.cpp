#include "diffusion/solver.h"

#include <ATen/TensorOperators.h>

#include <array>
#include <vector>

#include "core/fail.h"
#include "core/spelling.h"
#include "diffusion/multistep.h"

namespace soragen::diffusion {
namespace {

Solver make_euler(const SchedulerConfig&, const Schedule& schedule) {
  return [sigmas = schedule.sigmas](size_t step, const at::Tensor& velocity, const at::Tensor& sample, NoiseSource&) {
    return sample + static_cast<double>(sigmas[step + 1] - sigmas[step]) * velocity;
  };
}

// Few-step sampling: guess the film, then add fresh noise at the next level. The noise continues the
// stream that gave the initial latent. `draw` gives it, as [C, T, H, W].
Solver make_renoising(const Schedule& schedule, at::Tensor (*draw)(at::IntArrayRef shape, NoiseSource& noise)) {
  return [sigmas = schedule.sigmas, draw](size_t step, const at::Tensor& velocity, const at::Tensor& sample,
                                          NoiseSource& noise) {
    const at::Tensor x0 = sample - static_cast<double>(sigmas[step]) * velocity;
    const float next = sigmas[step + 1];
    if (next == 0.0f) return x0;
    return static_cast<double>(1.0f - next) * x0 +
           static_cast<double>(next) * draw(sample.sizes(), noise).to(sample.device());
  };
}

// FlowMatchLCM's step(generator=...) and LightX2V. (The reference's pipeline passes no generator, so
// that its own films of this kind do not repeat.)
Solver make_lcm(const SchedulerConfig&, const Schedule& schedule) {
  return make_renoising(schedule, [](at::IntArrayRef shape, NoiseSource& noise) { return noise.draw(shape); });
}

// FastVideo's DmdDenoisingStage, which keeps latents frame by frame and so draws them in that order.
Solver make_dmd(const SchedulerConfig&, const Schedule& schedule) {
  return make_renoising(schedule, [](at::IntArrayRef shape, NoiseSource& noise) {
    return noise.draw({shape[1], shape[0], shape[2], shape[3]}).transpose(0, 1);
  });
}

constexpr std::array kSolvers = {
    SolverRow{"unipc", "UniPCMultistepScheduler", "predictor and corrector, of the order the checkpoint names",
              unipc_schedule, nullptr, make_unipc},
    SolverRow{"dpm++", "DPMSolverMultistepScheduler", "DPM-Solver++ 2M", dpmpp_schedule, nullptr, make_dpmpp},
    SolverRow{"euler", "FlowMatchEulerDiscreteScheduler", "first order", flow_match_schedule, list_before_shift,
              make_euler},
    SolverRow{"lcm", "FlowMatchLCMScheduler", "fresh noise at every step, for few-step checkpoints",
              flow_match_schedule, list_before_shift, make_lcm},
    SolverRow{"dmd", "", "the same by FastVideo's conventions", nullptr, list_after_shift, make_dmd},
};

std::vector<std::string> names(std::string_view SolverRow::*member) {
  std::vector<std::string> list;
  for (const SolverRow& row : kSolvers)
    if (!(row.*member).empty()) list.emplace_back(row.*member);
  return list;
}

}  // namespace

std::span<const SolverRow> solvers() { return kSolvers; }

const SolverRow& solver_named(std::string_view name) {
  for (const SolverRow& row : kSolvers)
    if (row.name == name) return row;
  const std::string nearest = nearest_word(name, names(&SolverRow::name));
  fail(ErrorKind::usage, "unknown solver \"{}\"{}; there are: {}", name,
       nearest.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", nearest),
       fmt::join(names(&SolverRow::name), ", "));
}

const SolverRow& solver_for_scheduler(std::string_view class_name, const std::string& where) {
  for (const SolverRow& row : kSolvers)
    if (!row.scheduler.empty() && row.scheduler == class_name) return row;
  fail(ErrorKind::unsupported, "{}: scheduler class \"{}\" is not supported; soragen has: {}", where, class_name,
       fmt::join(names(&SolverRow::scheduler), ", "));
}

Solver make_solver(const SchedulerConfig& config, const Schedule& schedule) {
  SORAGEN_ASSERT(schedule.steps() > 0 && schedule.sigmas.size() == schedule.steps() + 1);
  return solver_named(config.solver).make(config, schedule);
}

}  // namespace soragen::diffusion
