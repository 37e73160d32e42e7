#include "diffusion/noise.h"

#include <gtest/gtest.h>

#include "diffusion/golden.h"

namespace soragen::diffusion {
namespace {

// Bit for bit, on either kind of processor: small tensors take another path through ATen than large ones.
TEST(Noise, EqualsTorch) {
  const test::GoldenTensors tensors("schedules/noise.safetensors");
  const std::string kind = test::draws_golden_noise() ? "AVX2" : "DEFAULT";
  for (const Json& golden : test::golden().at("noise")) {
    const at::Tensor expected = tensors.at("noise." + kind + "." + golden.at("name").get<std::string>());
    NoiseSource noise(golden.at("seed").get<uint64_t>());
    for (int64_t draw = 0; draw < 2; ++draw) {
      const at::Tensor ours = noise.draw(golden.at("shape").get<std::vector<int64_t>>());
      EXPECT_TRUE(ours.flatten().equal(expected[draw])) << golden << ", draw " << draw;
    }
  }
}

TEST(Noise, IsFloat32OnTheCpuInTheShapeAskedFor) {
  const at::Tensor noise = NoiseSource(1).draw({4, 3, 2, 5});
  EXPECT_EQ(noise.scalar_type(), at::kFloat);
  EXPECT_TRUE(noise.is_cpu() && noise.is_contiguous());
  EXPECT_EQ(noise.sizes(), (std::vector<int64_t>{4, 3, 2, 5}));
}

}  // namespace
}  // namespace soragen::diffusion
