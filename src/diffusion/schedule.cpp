#include "diffusion/schedule.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/fail.h"
#include "diffusion/solver.h"

namespace soragen::diffusion {
namespace {

// Keeps the logarithm of alpha = 1 - sigma finite at the first step of a multistep solver.
constexpr double kSigmaMargin = 1e-6;

// numpy.linspace: the step is rounded once, and the last value is `stop` itself.
std::vector<double> linspace(double start, double stop, int64_t count) {
  std::vector<double> values(count, start);
  if (count == 1) return values;
  const double step = (stop - start) / static_cast<double>(count - 1);
  for (int64_t i = 0; i < count; ++i) values[i] = static_cast<double>(i) * step + start;
  values.back() = stop;
  return values;
}

// The flow-matching shift, in the precision of its argument: shift > 1 spends more steps at high noise.
template <typename Real>
Real shifted(Real sigma, double shift) {
  return static_cast<Real>(shift) * sigma / (Real{1} + static_cast<Real>(shift - 1.0) * sigma);
}

// Scales 1 - sigma so that the last sigma becomes `terminal`.
void stretch_to(double terminal, std::vector<double>& sigmas) {
  if (terminal == 0.0) return;
  const double scale = (1.0 - sigmas.back()) / (1.0 - terminal);
  for (double& sigma : sigmas) sigma = 1.0 - (1.0 - sigma) / scale;
}

Schedule with_integer_timesteps(const SchedulerConfig& config, const std::vector<double>& sigmas) {
  Schedule schedule;
  for (const double sigma : sigmas) {
    schedule.sigmas.push_back(static_cast<float>(sigma));
    schedule.timesteps.push_back(
        static_cast<float>(std::trunc(sigma * static_cast<double>(config.num_train_timesteps))));
  }
  schedule.sigmas.push_back(config.final_sigma_is_zero ? 0.0f : schedule.sigmas.back());
  return schedule;
}

Schedule with_real_timesteps(const SchedulerConfig& config, std::vector<float> sigmas) {
  Schedule schedule{.sigmas = std::move(sigmas)};
  for (const float sigma : schedule.sigmas)
    schedule.timesteps.push_back(sigma * static_cast<float>(config.num_train_timesteps));
  schedule.sigmas.push_back(0.0f);
  return schedule;
}

void check_shift(const SchedulerConfig& config) {
  if (!std::isfinite(config.shift) || config.shift <= 0.0)
    fail(ErrorKind::usage, "shift {} is not possible; it must be greater than 0 (checkpoints use 1 to 16)",
         config.shift);
}

// The reference's sigmas are NaN for a shift_terminal with a single step, and rise for one above the first
// sigma or for a shift so large that float32 rounds the second to 1.
Schedule checked(const SchedulerConfig& config, Schedule schedule) {
  const bool is_finite = std::ranges::all_of(schedule.sigmas, [](float sigma) { return std::isfinite(sigma); });
  if (!is_finite || !std::ranges::is_sorted(schedule.sigmas, std::greater<>{}))
    fail(ErrorKind::unsupported, "{} steps of {} with shift {} and shift_terminal {} give sigmas that do not fall: {}",
         schedule.steps(), config.solver, config.shift, config.shift_terminal, fmt::join(schedule.sigmas, ", "));
  return schedule;
}

}  // namespace

Schedule unipc_schedule(const SchedulerConfig& config, int64_t steps) {
  std::vector<double> sigmas = linspace(1.0, 1.0 / static_cast<double>(config.num_train_timesteps), steps + 1);
  sigmas.pop_back();
  for (double& sigma : sigmas) sigma = shifted(sigma, config.shift);
  stretch_to(config.shift_terminal, sigmas);
  if (std::fabs(sigmas.front() - 1.0) < kSigmaMargin) sigmas.front() -= kSigmaMargin;
  return with_integer_timesteps(config, sigmas);
}

Schedule dpmpp_schedule(const SchedulerConfig& config, int64_t steps) {
  if (config.shift_terminal != 0.0)
    fail(ErrorKind::unsupported, "shift_terminal {} has no meaning for the solver dpm++; unipc, euler and lcm know it",
         config.shift_terminal);
  std::vector<double> alphas = linspace(1.0, 1.0 / static_cast<double>(config.num_train_timesteps), steps + 1);
  std::vector<double> sigmas;
  for (int64_t i = steps; i > 0; --i) sigmas.push_back(shifted(1.0 - alphas[i], config.shift));
  return with_integer_timesteps(config, sigmas);
}

// The range comes from the training sigmas, which are shifted already, and is shifted once more: the
// reference does so, and its checkpoints are judged with it.
Schedule flow_match_schedule(const SchedulerConfig& config, int64_t steps) {
  const auto train = static_cast<double>(config.num_train_timesteps);
  const float sigma_max = shifted(1.0f, config.shift);
  const float sigma_min = shifted(1.0f / static_cast<float>(train), config.shift);
  std::vector<double> sigmas = linspace(sigma_max * train, sigma_min * train, steps);
  for (double& sigma : sigmas) sigma = shifted(sigma / train, config.shift);
  stretch_to(config.shift_terminal, sigmas);
  return with_real_timesteps(config, {sigmas.begin(), sigmas.end()});
}

Schedule list_before_shift(const SchedulerConfig& config, const std::vector<double>& timesteps) {
  const auto train = static_cast<double>(config.num_train_timesteps);
  std::vector<float> sigmas;
  for (const double t : timesteps) sigmas.push_back(shifted(static_cast<float>(t / train), config.shift));
  return with_real_timesteps(config, std::move(sigmas));
}

Schedule list_after_shift(const SchedulerConfig& config, const std::vector<double>& timesteps) {
  const auto train = static_cast<float>(config.num_train_timesteps);
  std::vector<float> grid;
  for (int64_t k = config.num_train_timesteps; k > 0; --k)
    grid.push_back(shifted(static_cast<float>(k) / train, config.shift));
  Schedule schedule{.timesteps = {timesteps.begin(), timesteps.end()}};
  for (const double t : timesteps)
    schedule.sigmas.push_back(
        *std::ranges::min_element(grid, {}, [&](float sigma) { return std::fabs(sigma * train - t); }));
  schedule.sigmas.push_back(0.0f);
  return schedule;
}

Schedule make_schedule(const SchedulerConfig& config, int64_t steps) {
  const SolverRow& solver = solver_named(config.solver);
  if (solver.schedule == nullptr)
    fail(ErrorKind::usage,
         "{} takes the list of timesteps that the checkpoint was distilled at, such as 1000,757,522, not {} steps",
         solver.name, steps);
  if (steps < 1 || steps > config.num_train_timesteps)
    fail(ErrorKind::usage, "{} steps are not possible; the model was trained with {} timesteps: 1 to {}", steps,
         config.num_train_timesteps, config.num_train_timesteps);
  check_shift(config);
  return checked(config, solver.schedule(config, steps));
}

Schedule make_schedule(const SchedulerConfig& config, const std::vector<double>& timesteps) {
  const SolverRow& solver = solver_named(config.solver);
  if (solver.list_schedule == nullptr)
    fail(ErrorKind::usage, "a list of timesteps cannot be sampled with {}; few-step checkpoints use dmd, lcm or euler",
         solver.name);
  const auto train = static_cast<double>(config.num_train_timesteps);
  const bool is_inside = std::ranges::all_of(timesteps, [&](double t) { return t > 0.0 && t <= train; });
  if (timesteps.empty() || !is_inside || std::ranges::adjacent_find(timesteps, std::less_equal<>{}) != timesteps.end())
    fail(ErrorKind::input,
         "the list of timesteps [{}] is not possible; expected numbers that fall strictly, from {} to above 0",
         fmt::join(timesteps, ", "), train);
  check_shift(config);
  return checked(config, solver.list_schedule(config, timesteps));
}

}  // namespace soragen::diffusion
