#include "diffusion/solver.h"

#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <limits>

#include "diffusion/golden.h"
#include "support/expect_error.h"

namespace soragen::diffusion {
namespace {

using test::GoldenTensors;

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// The latent after every step, [steps, values], from the golden noise, which is also the first that is drawn.
at::Tensor trajectory(const SchedulerConfig& config, const Schedule& schedule, at::Tensor latent) {
  NoiseSource noise(test::golden().at("seed").get<uint64_t>());
  noise.draw(latent.sizes());
  const Solver solve = make_solver(config, schedule);
  std::vector<at::Tensor> latents;
  for (size_t step = 0; step < schedule.steps(); ++step) {
    latent = solve(step, test::golden_velocity(latent, schedule.timesteps[step], 0.25), latent, noise);
    latents.push_back(latent.flatten());
  }
  return at::stack(latents);
}

// The reference's float32 run lies some way from its float64 run; ours may lie as far again.
TEST(Solver, TrajectoriesEqualDiffusers) {
  const GoldenTensors tensors("schedules/trajectories.safetensors");
  for (const Json& golden : test::golden().at("trajectories")) {
    const std::string name = golden.at("name");
    const SchedulerConfig config = test::config_of(golden);
    if (config.solver == "lcm" && !test::draws_golden_noise()) continue;
    const Schedule schedule = make_schedule(config, golden.at("steps").get<int64_t>());
    const at::Tensor ours = trajectory(config, schedule, tensors.at("noise"));
    const at::Tensor exact = tensors.at(name + ".float64");
    ASSERT_EQ(ours.sizes(), exact.sizes());
    const double tolerance = 2.0 * largest_difference(tensors.at(name + ".float32"), exact);
    EXPECT_LE(largest_difference(ours, exact), tolerance) << golden;
  }
}

// A few-step checkpoint's velocities, noise and latents, by FastVideo's rules (scripts/golden/few_step.py).
TEST(Solver, DmdEqualsFastVideo) {
  const GoldenTensors tensors("few-step-tiny/golden.safetensors");
  const SchedulerConfig config{.solver = "dmd", .shift = 8.0};
  const Schedule schedule = make_schedule(config, std::vector<double>{1000, 757, 522});
  const Solver solve = make_solver(config, schedule);
  NoiseSource noise(42);
  at::Tensor latent = noise.draw(tensors.at("f5s3.noise").sizes());
  for (size_t step = 0; step < 3; ++step) {
    const std::string name = "f5s3.step" + std::to_string(step);
    const at::Tensor velocity = tensors.at(name + ".velocity_cond");
    const at::Tensor expected = tensors.at(name + ".latent");
    const at::Tensor ours = solve(step, velocity, latent, noise);
    // Five rounded operations on values no larger than these.
    const double scale = (latent.abs().max() + velocity.abs().max() + expected.abs().max()).item<double>();
    EXPECT_LE(largest_difference(ours, expected), 5 * std::numeric_limits<float>::epsilon() * scale) << name;
    latent = expected;
  }
}

TEST(Solver, LeavesItsArgumentsAlone) {
  for (const SolverRow& row : solvers()) {
    const SchedulerConfig config{.solver = std::string(row.name)};
    const Schedule schedule =
        row.schedule != nullptr ? make_schedule(config, 3) : make_schedule(config, std::vector<double>{1000, 757, 522});
    const Solver solve = make_solver(config, schedule);
    NoiseSource noise(1);
    const at::Tensor sample = noise.draw({2, 1, 4, 4}), velocity = noise.draw({2, 1, 4, 4});
    const at::Tensor sample_before = sample.clone(), velocity_before = velocity.clone();
    for (size_t step = 0; step < 3; ++step) solve(step, velocity, sample, noise);
    EXPECT_TRUE(sample.equal(sample_before)) << row.name;
    EXPECT_TRUE(velocity.equal(velocity_before)) << row.name;
  }
}

TEST(Solver, ANewRunForgetsTheOldOne) {
  const SchedulerConfig config;
  const Schedule schedule = make_schedule(config, 4);
  const at::Tensor noise = NoiseSource(1).draw({2, 2, 4, 4});
  EXPECT_TRUE(trajectory(config, schedule, noise).equal(trajectory(config, schedule, noise)));
}

TEST(Solver, EveryRowHasANameAndAUse) {
  for (const SolverRow& row : solvers()) {
    EXPECT_EQ(solver_named(row.name).name, row.name);
    EXPECT_TRUE(row.schedule != nullptr || row.list_schedule != nullptr) << row.name;
    const std::string_view name = row.scheduler.empty() ? row.name : solver_for_scheduler(row.scheduler, "x").name;
    EXPECT_EQ(name, row.name);
  }
  EXPECT_ERROR(solver_named("euller"), ErrorKind::usage, "did you mean \"euler\"");
  EXPECT_ERROR(solver_for_scheduler("", "here"), ErrorKind::unsupported, "here");
}

}  // namespace
}  // namespace soragen::diffusion
