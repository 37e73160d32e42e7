#include "diffusion/guidance.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

namespace soragen::diffusion {
namespace {

at::Tensor guide(const Velocities& velocities, double scale) {
  return Guide({.high_noise = scale})(velocities, Expert::high_noise, 0);
}

TEST(Guidance, MovesAwayFromTheNegativePrompt) {
  const Velocities velocities{.cond = at::tensor({1.0f, -2.0f}), .uncond = at::tensor({0.5f, -1.0f})};
  EXPECT_TRUE(guide(velocities, 4.0).equal(at::tensor({2.5f, -5.0f})));
  EXPECT_TRUE(guide(velocities, 1.0).equal(velocities.cond));
  EXPECT_TRUE(
      Guide({.high_noise = 4.0, .low_noise = 0.5})(velocities, Expert::low_noise, 0).equal(at::tensor({0.75f, -1.5f})));
}

TEST(Guidance, WidensNarrowVelocities) {
  const Velocities velocities{.cond = at::full({3}, 1.0, at::kBFloat16), .uncond = at::full({3}, 0.25, at::kBFloat16)};
  EXPECT_TRUE(guide(velocities, 3.001).equal(at::full({3}, 0.25f + 3.001f * 0.75f)));
  EXPECT_EQ(guide({.cond = velocities.cond}, 1.0).scalar_type(), at::kFloat);
}

TEST(Guidance, IsComputedInsideItsSteps) {
  Guidance guidance{.high_noise = 4.0, .low_noise = 1.0, .first_step = 2, .end_step = 5};
  const auto use = [&](size_t step, Expert expert = Expert::high_noise) {
    return guidance_use(guidance, expert, step);
  };
  EXPECT_EQ(use(1), GuidanceUse::none);
  EXPECT_EQ(use(2), GuidanceUse::computed);
  EXPECT_EQ(use(4), GuidanceUse::computed);
  EXPECT_EQ(use(5), GuidanceUse::none);
  EXPECT_EQ(use(4, Expert::low_noise), GuidanceUse::none);  // its scale is 1
  guidance.keeps_difference = true;
  EXPECT_EQ(use(1), GuidanceUse::none);
  EXPECT_EQ(use(5), GuidanceUse::kept);
  EXPECT_EQ(use(5, Expert::low_noise), GuidanceUse::none);
}

// cond + (scale - 1) * (cond - uncond) of the last step that computed both, with the scale of the expert at work.
TEST(Guidance, KeepsTheLastDifference) {
  Guide guide({.high_noise = 4.0, .low_noise = 3.0, .end_step = 2, .keeps_difference = true});
  guide({.cond = at::tensor({9.0f}), .uncond = at::tensor({1.0f})}, Expert::high_noise, 0);
  guide({.cond = at::tensor({2.0f}), .uncond = at::tensor({1.5f})}, Expert::high_noise, 1);
  EXPECT_TRUE(guide({.cond = at::tensor({1.0f})}, Expert::high_noise, 2).equal(at::tensor({2.5f})));
  EXPECT_TRUE(guide({.cond = at::tensor({1.0f})}, Expert::low_noise, 3).equal(at::tensor({2.0f})));
}

TEST(Guidance, TheFirstScaleIsTheSwitch) {
  const auto high = Expert::high_noise, low = Expert::low_noise;
  EXPECT_EQ(guidance_scale({.high_noise = 4.0, .low_noise = 3.0}, high), 4.0);
  EXPECT_EQ(guidance_scale({.high_noise = 4.0, .low_noise = 3.0}, low), 3.0);
  EXPECT_EQ(guidance_scale({.high_noise = 4.0, .low_noise = 0.5}, low), 0.5);
  for (const double off : {1.0, 0.5, 0.0, -2.0}) {
    EXPECT_EQ(guidance_scale({.high_noise = off, .low_noise = 3.0}, high), 1.0);
    EXPECT_EQ(guidance_scale({.high_noise = off, .low_noise = 3.0}, low), 1.0);
  }
}

}  // namespace
}  // namespace soragen::diffusion
