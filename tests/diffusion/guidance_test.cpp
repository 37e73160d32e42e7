#include "diffusion/guidance.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

namespace soragen::diffusion {
namespace {

TEST(Guidance, MovesAwayFromTheNegativePrompt) {
  const Velocities velocities{.cond = at::tensor({1.0f, -2.0f}), .uncond = at::tensor({0.5f, -1.0f})};
  EXPECT_TRUE(guide(velocities, 4.0).equal(at::tensor({2.5f, -5.0f})));
  EXPECT_TRUE(guide(velocities, 0.5).equal(at::tensor({0.75f, -1.5f})));
  EXPECT_TRUE(guide(velocities, 1.0).equal(velocities.cond));
}

TEST(Guidance, WidensNarrowVelocities) {
  const Velocities velocities{.cond = at::full({3}, 1.0, at::kBFloat16), .uncond = at::full({3}, 0.25, at::kBFloat16)};
  EXPECT_TRUE(guide(velocities, 3.001).equal(at::full({3}, 0.25f + 3.001f * 0.75f)));
  EXPECT_EQ(guide({.cond = velocities.cond}, 1.0).scalar_type(), at::kFloat);
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
