// Weights in 8 bits against their full form: bounds that follow from the format, and the errors that its comment
// claims.
#include "ops/int8_weight.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "ops/linear.h"

namespace soragen::ops {
namespace {

double root_mean_square(const at::Tensor& x) { return x.to(at::kDouble).square().mean().sqrt().item<double>(); }

class Int8 : public testing::TestWithParam<at::ScalarType> {
 protected:
  // A number of the run's precision is right to half a unit of its last place.
  double rounding() const { return GetParam() == at::kBFloat16 ? 0x1p-8 : 0x1p-24; }
  c10::InferenceMode inference;
};

// Half a scale from the whole numbers, and the rounding of the product (number and scale are exact factors).
TEST_P(Int8, IsWrongByAtMostHalfAScale) {
  for (const int64_t in : {7, 128, 130, 1536}) {
    const at::Tensor weight = at::randn({37, in}).to(GetParam());
    const Int8Weight packed = to_int8(weight);
    const at::Tensor back = from_int8(packed);
    ASSERT_EQ(back.sizes(), weight.sizes());
    ASSERT_EQ(back.scalar_type(), GetParam());
    const at::Tensor scale = packed.scales.to(at::kDouble).expand(packed.values.sizes()).flatten(1);
    const at::Tensor wrong = (back.to(at::kDouble) - weight.to(at::kDouble)).abs(),
                     allowed = scale * 0.5 * (1 + 1e-6) + back.to(at::kDouble).abs() * rounding();
    EXPECT_TRUE((wrong <= allowed).all().item<bool>()) << in;
  }
}

// Large numbers in one group cost the others nothing.
TEST_P(Int8, HasAScaleForEveryGroup) {
  const at::Tensor ordinary = at::randn({16, 128});
  const at::Tensor weight = at::cat({ordinary * 1000, ordinary, ordinary * 0}, 1).to(GetParam());
  const at::Tensor back = from_int8(to_int8(weight)).to(at::kFloat);
  const at::Tensor middle = weight.narrow(1, 128, 128).to(at::kFloat);
  EXPECT_LT(root_mean_square(back.narrow(1, 128, 128) - middle), 0.01 * root_mean_square(middle));
  EXPECT_EQ(back.narrow(1, 256, 128).abs().max().item<double>(), 0);
}

// 255 steps across the largest of 128 normal numbers, 2.8 deviations: 2.8 / 127 / sqrt(12) = 0.64 % of a deviation.
// With the rounding of bfloat16, 2^-8 / sqrt(3) of a number at most.
TEST_P(Int8, ErrsByLessThanAHundredthOfADeviation) {
  const at::Tensor weight = at::randn({256, 1536}).to(GetParam());
  const double error = root_mean_square(from_int8(to_int8(weight)) - weight);
  EXPECT_GT(error, 0.0055);
  EXPECT_LT(error, 0.0075);
}

TEST_P(Int8, LinearComputesWithTheSpelledOutWeight) {
  const at::Tensor weight = at::randn({33, 256}).to(GetParam()), bias = at::randn({33}).to(GetParam()),
                   x = at::randn({2, 5, 256}).to(GetParam());
  LinearWeight linear(weight, bias, WeightForm::int8);
  EXPECT_TRUE(linear.apply(x).equal(at::linear(x, from_int8(to_int8(weight)), bias)));
  EXPECT_FALSE(linear.apply(x).equal(at::linear(x, weight, bias)));
  int64_t bytes = 0;
  for (const at::Tensor* tensor : linear.tensors()) bytes += static_cast<int64_t>(tensor->nbytes());
  const auto element = static_cast<int64_t>(c10::elementSize(GetParam()));
  EXPECT_EQ(bytes, int8_bytes(33, 256, element) + 33 * element);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, Int8, testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) { return std::string(c10::toString(info.param)); });

}  // namespace
}  // namespace soragen::ops
