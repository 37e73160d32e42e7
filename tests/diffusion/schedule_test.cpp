#include "diffusion/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "diffusion/golden.h"
#include "diffusion/solver.h"
#include "support/expect_error.h"

namespace soragen::diffusion {
namespace {

using test::GoldenTensors;
using testing::ElementsAreArray;

// Equal means equal: not one ulp.
TEST(Schedule, EqualsDiffusers) {
  const GoldenTensors tensors("schedules/schedules.safetensors");
  size_t count = 0;
  for (const Json& golden : test::golden().at("schedules")) {
    const std::string name = golden.at("name");
    const SchedulerConfig config = test::config_of(golden);
    std::vector<float> sigmas, timesteps;
    for (const int64_t steps : golden.at("steps")) {
      const Schedule schedule = make_schedule(config, steps);
      sigmas.insert(sigmas.end(), schedule.sigmas.begin(), schedule.sigmas.end());
      timesteps.insert(timesteps.end(), schedule.timesteps.begin(), schedule.timesteps.end());
      ++count;
    }
    EXPECT_THAT(sigmas, ElementsAreArray(tensors.floats(name + ".sigmas"))) << golden.at("config");
    EXPECT_THAT(timesteps, ElementsAreArray(tensors.floats(name + ".timesteps"))) << golden.at("config");
  }
  EXPECT_GT(count, 1000u);
}

TEST(Schedule, OfAListEqualsTheReferences) {
  const GoldenTensors tensors("schedules/schedules.safetensors");
  for (const Json& golden : test::golden().at("lists")) {
    const std::string name = golden.at("name");
    const SchedulerConfig config = with_solver(test::config_of(golden), golden.at("solver").get<std::string>());
    const Schedule schedule = make_schedule(config, golden.at("list").get<std::vector<double>>());
    EXPECT_THAT(schedule.sigmas, ElementsAreArray(tensors.floats(name + ".sigmas"))) << golden;
    EXPECT_THAT(schedule.timesteps, ElementsAreArray(tensors.floats(name + ".timesteps"))) << golden;
  }
}

TEST(Schedule, RefusesStepCountsThatCannotBe) {
  for (const SolverRow& row : solvers()) {
    if (row.schedule == nullptr) continue;
    const SchedulerConfig config{.solver = std::string(row.name)};
    for (const int64_t steps : {int64_t{0}, int64_t{-1}, int64_t{1001}, std::numeric_limits<int64_t>::max(),
                                std::numeric_limits<int64_t>::min()})
      EXPECT_ERROR(make_schedule(config, steps), ErrorKind::usage, "1 to 1000");
    EXPECT_EQ(make_schedule(config, 1).steps(), 1u);
  }
  EXPECT_ERROR(make_schedule({.solver = "euler", .num_train_timesteps = 20}, 21), ErrorKind::usage, "1 to 20");
  EXPECT_ERROR(make_schedule({.solver = "dmd"}, 3), ErrorKind::usage, "list of timesteps");
}

TEST(Schedule, RefusesShiftsThatCannotBe) {
  for (const double shift :
       {0.0, -3.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_ERROR(make_schedule({.shift = shift}, 8), ErrorKind::usage, "greater than 0");
    EXPECT_ERROR(make_schedule({.solver = "dmd", .shift = shift}, std::vector<double>{1000}), ErrorKind::usage,
                 "greater than 0");
  }
}

// One step leaves nothing to stretch: the reference's sigma is 0/0 there.
TEST(Schedule, RefusesSigmasThatDoNotFall) {
  EXPECT_ERROR(make_schedule({.solver = "euler", .shift_terminal = 0.1}, 1), ErrorKind::unsupported,
               "shift_terminal 0.1");
  EXPECT_ERROR(make_schedule({.solver = "dpm++", .shift_terminal = 0.1}, 8), ErrorKind::unsupported, "no meaning");
}

TEST(Schedule, RefusesListsThatCannotBe) {
  const SchedulerConfig config{.solver = "lcm"};
  using List = std::vector<double>;
  for (const List& list : {List{}, List{1000, 1000}, List{500, 750}, List{1001}, List{1000, 0}, List{1000, -5},
                           List{std::numeric_limits<double>::quiet_NaN()}})
    EXPECT_ERROR(make_schedule(config, list), ErrorKind::input, "fall strictly");
  EXPECT_ERROR(make_schedule({.solver = "unipc"}, List{1000, 500}), ErrorKind::usage, "unipc");
}

}  // namespace
}  // namespace soragen::diffusion
