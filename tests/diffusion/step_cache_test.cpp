#include "diffusion/step_cache.h"

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <limits>

namespace soragen::diffusion {
namespace {

// Constant tensors, so that the mean of absolute values is the number itself.
at::Tensor plain(double value) { return at::full({2, 1, 2, 2}, value); }
float value_of(const at::Tensor& tensor) { return tensor.flatten()[0].item<float>(); }

// Steps 0 and 1 of ten are always computed; after x 10 -> 8 and v 1 -> 2 the rate is k = 1 / 2.
class Cache : public testing::Test {
 protected:
  explicit Cache(double threshold = 1.0) : cache(threshold, 10) {}
  void compute(size_t step, double x, double v, bool guided = true) {
    ASSERT_FALSE(cache.recall(step, plain(x), guided)) << step;
    cache.keep(plain(x), {.cond = plain(v), .uncond = guided ? plain(-v) : at::Tensor()});
  }
  void begin(bool guided = true) {
    compute(0, 10, 1, guided);
    compute(1, 8, 2, guided);
  }
  StepCache cache;
};

TEST_F(Cache, AnswersWithTheLastVelocities) {
  begin();
  const auto recalled = cache.recall(2, plain(7), true);  // sum: 1/2 * 1 / 2 = 0.25
  ASSERT_TRUE(recalled);
  EXPECT_EQ(value_of(recalled->cond), 2.0f);
  EXPECT_EQ(value_of(recalled->uncond), -2.0f);
}

// The sum grows by the step from the latent before, not from the computed one, and starts again after a computation.
TEST_F(Cache, AddsStepByStepUntilTheThreshold) {
  begin();
  EXPECT_TRUE(cache.recall(2, plain(7), true));     // 0.25
  EXPECT_TRUE(cache.recall(3, plain(5), true));     // + 0.5 = 0.75
  EXPECT_TRUE(cache.recall(4, plain(4.25), true));  // + 0.1875 = 0.9375
  compute(5, 4, 6);                                 // + 0.0625 = 1: not below the threshold
  // Now k = |6 - 2| / |4 - 8| = 1, |v| = 6.
  EXPECT_TRUE(cache.recall(6, plain(1), true));  // 1 * 3 / 6 = 0.5
  compute(7, -2, 3);                             // + 0.5
}

TEST_F(Cache, TheLastStepIsComputed) {
  begin();
  EXPECT_TRUE(cache.recall(8, plain(8), true));
  EXPECT_FALSE(cache.recall(9, plain(8), true));
}

TEST(StepCache, TheFirstFifthIsComputed) {
  for (const size_t steps : {10, 50, 24}) {
    StepCache cache(100, steps);
    size_t first = 0;
    for (; first < steps && !cache.recall(first, plain(1.0 + double(first)), false); ++first)
      cache.keep(plain(1.0 + double(first)), {.cond = plain(1)});
    EXPECT_EQ(first, (steps + 4) / 5) << steps;
  }
}

TEST_F(Cache, TwoStepsMustBeComputedBeforeItKnowsTheRate) {
  cache = StepCache(100, 5);
  compute(0, 10, 1);
  compute(1, 9, 1);
  EXPECT_TRUE(cache.recall(2, plain(8), true));
}

TEST_F(Cache, AnotherExpertStartsAnew) {
  begin();
  cache.forget();
  compute(2, 7, 2);
  compute(3, 6, 2);
  EXPECT_TRUE(cache.recall(4, plain(5), true));
}

TEST_F(Cache, ABranchThatWasNotComputedIsNotMadeUp) {
  begin(/*guided=*/false);
  EXPECT_TRUE(cache.recall(2, plain(8), false));
  compute(3, 8, 2, /*guided=*/true);
}

// Narrow velocities would lose a small change: 1 + 2^-8 is 1 in bf16, and so would be k.
TEST(StepCache, MeasuresInFloat32) {
  StepCache cache(1, 10);
  const at::Tensor narrow = plain(256).to(at::kBFloat16), moved = plain(258).to(at::kBFloat16);
  ASSERT_FALSE(cache.recall(0, plain(10), false));
  cache.keep(plain(10), {.cond = narrow});
  ASSERT_FALSE(cache.recall(1, plain(9), false));
  cache.keep(plain(9), {.cond = moved});                   // k = 2
  EXPECT_TRUE(cache.recall(2, plain(9 - 128.9), false));   // 2 * 128.9 / 258 = 0.9992
  EXPECT_FALSE(cache.recall(3, plain(9 - 129.1), false));  // + 0.0016
}

TEST_F(Cache, NumbersThatMeanNothingAskTheModel) {
  compute(0, 10, 1);
  compute(1, 10, 1);  // nothing moved: the rate is 0 / 0
  EXPECT_FALSE(cache.recall(2, plain(9), true));
  compute(2, 9, 0);  // |v| = 0
  EXPECT_FALSE(cache.recall(3, plain(8), true));
  EXPECT_FALSE(cache.recall(4, plain(std::numeric_limits<float>::infinity()), true));
}

TEST(StepCache, OffKeepsNothing) {
  StepCache cache(0, 10);
  const at::Tensor latent = plain(1);
  for (size_t step = 0; step < 10; ++step) {
    EXPECT_FALSE(cache.recall(step, latent, false));
    cache.keep(latent, {.cond = latent});
  }
  EXPECT_EQ(latent.use_count(), 1u);
}

}  // namespace
}  // namespace soragen::diffusion
