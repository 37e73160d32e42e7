// Front doors against plain ATen.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/pad.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/repeat_interleave.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ops/attention.h"
#include "ops/conv.h"
#include "ops/linear.h"

namespace soragen::ops {
namespace {

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

// |sum of n products| rounds at most n times: gamma_n = n eps of the sum of magnitudes; a blocked sum does far
// better, so the bound is taken with sqrt(n).
void expect_equal(const at::Tensor& actual, const at::Tensor& expected, int64_t terms, double magnitude) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_LE(largest(actual.to(at::kDouble) - expected.to(at::kDouble)),
            4 * std::sqrt(static_cast<double>(terms)) * 0x1p-23 * magnitude);
}

class Ops : public testing::Test {
 protected:
  c10::InferenceMode inference;
};

TEST_F(Ops, LinearEqualsAten) {
  const at::Tensor weight = at::randn({33, 17}), bias = at::randn({33}), x = at::randn({2, 5, 17});
  const at::Tensor expected = at::linear(x, weight, bias);
  const LinearWeight packed(weight, bias);
  expect_equal(packed.apply(x), expected, 17, largest(expected));
  expect_equal(packed.apply(x, Activation::gelu_tanh), at::gelu(expected, "tanh"), 17, largest(expected));
  expect_equal(LinearWeight(weight, {}).apply(x), at::linear(x, weight), 17, largest(expected));
}

// One padding key with log(count) in its score stands for `count` equal ones: exact but for rounding.
TEST_F(Ops, OneBiasedKeyEqualsManyEqualOnes) {
  const int64_t real = 7, padding = 505;
  const at::Tensor q = at::randn({1, 40, 3, 32}), k = at::randn({1, real, 3, 32}), v = at::randn({1, real, 3, 32});
  const at::Tensor pad_k = at::randn({1, 1, 3, 32}), pad_v = at::randn({1, 1, 3, 32});
  const at::Tensor all = attention({.query = q,
                                    .key = at::cat({k, pad_k.expand({1, padding, 3, 32})}, 1),
                                    .value = at::cat({v, pad_v.expand({1, padding, 3, 32})}, 1)});
  at::Tensor bias = at::zeros({real + 1});
  bias[real] = std::log(static_cast<double>(padding));
  const at::Tensor merged =
      attention({.query = q, .key = at::cat({k, pad_k}, 1), .value = at::cat({v, pad_v}, 1), .key_bias = bias});
  expect_equal(merged, all, 512, largest(all));
}

TEST_F(Ops, UpsampledConvolutionEqualsUpsampleThenConvolution) {
  for (const auto& [height, width] : {std::pair{1, 1}, {3, 5}, {8, 2}}) {
    const at::Tensor weight = at::randn({6, 4, 3, 3}), bias = at::randn({6}), frames = at::randn({2, height, width, 4});
    const at::Tensor doubled = at::repeat_interleave(at::repeat_interleave(frames, 2, 1), 2, 2).permute({0, 3, 1, 2});
    const at::Tensor expected = at::conv2d(doubled, weight, bias, 1, 1).permute({0, 2, 3, 1});
    expect_equal(UpsampleConv2dWeight(weight, bias).apply(frames), expected, 36, largest(expected));
  }
}

TEST_F(Ops, CausalConvolutionEqualsAtenForEveryLength) {
  const at::Tensor weight = at::randn({5, 4, 3, 3, 3}), bias = at::randn({5});
  const CausalConv3dWeight conv(weight, bias);
  for (const int64_t frames : {1, 2, 3, 4, 5, 6, 7, 9})
    for (const auto& [height, width] : {std::pair{1, 3}, {7, 4}, {30, 5}}) {
      SCOPED_TRACE(testing::Message() << frames << " frames " << height << "x" << width);
      const at::Tensor window = at::randn({frames + 2, height, width, 4});
      const at::Tensor expected =
          at::conv3d(window.permute({3, 0, 1, 2}).unsqueeze(0), weight, bias, {1, 1, 1}, at::IntArrayRef({0, 1, 1}))[0]
              .permute({1, 2, 3, 0});
      // F(4, 3) multiplies rounding by up to the products of its matrices' row sums, about 10.
      expect_equal(conv.apply(window), expected, 108, 10 * largest(expected));
    }
}

TEST_F(Ops, FirstFrameEqualsAPastOfZeros) {
  const CausalConv3dWeight conv(at::randn({5, 4, 3, 3, 3}), at::randn({5}));
  const at::Tensor frame = at::randn({1, 6, 7, 4});
  const at::Tensor expected = conv.apply(at::cat({at::zeros({2, 6, 7, 4}), frame}));
  expect_equal(conv.apply_first(frame), expected, 108, largest(expected));
}

TEST_F(Ops, TimeConvolutionHasNoSpatialPadding) {
  const at::Tensor weight = at::randn({6, 4, 3, 1, 1}), bias = at::randn({6}), window = at::randn({5, 2, 3, 4});
  const at::Tensor expected =
      at::conv3d(window.permute({3, 0, 1, 2}).unsqueeze(0), weight, bias)[0].permute({1, 2, 3, 0});
  expect_equal(CausalConv3dWeight(weight, bias).apply(window), expected, 12, largest(expected));
}

}  // namespace
}  // namespace soragen::ops
