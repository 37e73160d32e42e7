// Every attention kernel against ATen in double: at most twice the error of ATen in the same precision, root mean
// square over all cases. (The ratio of two largest errors is luck: one case exceeded 2 on one processor of several.)
#include "ops/attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "support/expect_error.h"

namespace soragen::ops {
namespace {

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

const AttentionKernel& kernel_named(std::string_view name) {
  for (const AttentionKernel& kernel : attention_kernels())
    if (kernel.name == name) return kernel;
  throw std::runtime_error("no such kernel");
}

at::Tensor exact(const AttentionArgs& args) {
  const auto heads_first = [](const at::Tensor& x) { return x.to(at::kDouble).transpose(1, 2); };
  std::optional<at::Tensor> mask;
  if (args.key_bias.defined()) mask = args.key_bias.to(at::kDouble).view({1, 1, 1, -1});
  const at::Tensor out =
      at::scaled_dot_product_attention(heads_first(args.query), heads_first(args.key), heads_first(args.value), mask);
  return out.transpose(1, 2).flatten(2);
}

at::Tensor difference(const AttentionKernel& kernel, const AttentionArgs& args, const at::Tensor& truth) {
  return kernel.run(args).to(at::kDouble) - truth;
}

double error_of(const AttentionKernel& kernel, const AttentionArgs& args, const at::Tensor& truth) {
  return largest(difference(kernel, args, truth));
}

class Tiled : public testing::Test {
 protected:
  void SetUp() override {
    const at::Tensor probe = at::zeros({1, 1, 1, 64});
    if (const std::string why = kernel_named("tiled").refusal({probe, probe, probe, {}}); !why.empty())
      GTEST_SKIP() << why;
  }
  void TearDown() override { choose_attention("auto"); }

  // Adds one case to the squared errors. One case alone would not do: with two keys ATen's may be zero by luck.
  void measure(int64_t queries, int64_t keys, int64_t dim, at::ScalarType type, bool biased) {
    const auto drawn = [&](int64_t tokens, double size) { return (at::randn({2, tokens, 3, dim}) * size).to(type); };
    const AttentionArgs args{.query = drawn(queries, 2),
                             .key = drawn(keys, 2),
                             .value = drawn(keys, 1),
                             .key_bias = biased ? at::randn({keys}) * 2 : at::Tensor()};
    const at::Tensor truth = exact(args);
    const at::Tensor mine = difference(kernel_named("tiled"), args, truth);
    EXPECT_LT(largest(mine), 1e-2 * largest(truth))
        << queries << " queries, " << keys << " keys, D " << dim << ' ' << type;
    tiled_ += mine.square().sum().item<double>();
    aten_ += difference(kernel_named("aten"), args, truth).square().sum().item<double>();
  }

  double tiled_ = 0, aten_ = 0;  // sums of squared errors

  c10::InferenceMode inference;
};

TEST_F(Tiled, NoWorseThanTwiceAtenOverOddSizes) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16})
    for (const bool biased : {false, true}) {
      tiled_ = aten_ = 0;
      for (const int64_t keys : {1, 2, 63, 64, 65, 255, 256, 257, 700}) measure(50, keys, 64, type, biased);
      for (const int64_t queries : {1, 5, 6, 47, 48, 49, 97}) measure(queries, 131, 128, type, biased);
      measure(7, 300, 384, type, biased);
      EXPECT_LE(std::sqrt(tiled_), 2 * std::sqrt(aten_)) << type << (biased ? " with bias" : "");
    }
}

TEST_F(Tiled, LargeScoresStayFinite) {
  const at::Tensor q = at::full({1, 3, 1, 64}, 100.0f), k = at::randn({1, 300, 1, 64}) * 100,
                   v = at::randn({1, 300, 1, 64});
  const AttentionArgs args{.query = q, .key = k, .value = v, .key_bias = {}};
  EXPECT_LE(error_of(kernel_named("tiled"), args, exact(args)), largest(v) * 0x1p-10);  // scores of 1e5 round to 0.01
}

TEST_F(Tiled, ViewsIntoOneProduct) {
  const at::Tensor qkv = at::randn({2, 70, 3, 4, 64});  // [B, L, 3, N, D]
  const AttentionArgs views{
      .query = qkv.select(2, 0), .key = qkv.select(2, 1), .value = qkv.select(2, 2), .key_bias = {}};
  EXPECT_LE(error_of(kernel_named("tiled"), views, exact(views)), 1e-5);
}

TEST_F(Tiled, MaskedKeysCountNothing) {
  at::Tensor bias = at::zeros({300});
  bias.narrow(0, 5, 290).fill_(-INFINITY);
  const AttentionArgs args{.query = at::randn({1, 9, 2, 64}),
                           .key = at::randn({1, 300, 2, 64}),
                           .value = at::randn({1, 300, 2, 64}),
                           .key_bias = bias};
  EXPECT_LE(error_of(kernel_named("tiled"), args, exact(args)), 1e-5);
  const AttentionArgs none{args.query, args.key, args.value, at::full({300}, -INFINITY)};
  EXPECT_EQ(largest(kernel_named("tiled").run(none)), 0.0);
}

// ATen's bf16 runs on AMX where the processor has it, and is several times as fast there.
TEST_F(Tiled, AutoLeavesBf16ToAtenWhereThereIsAmx) {
  std::ifstream file("/proc/cpuinfo");
  const std::string flags{std::istreambuf_iterator<char>(file), {}};
  const bool has_amx = flags.find(" amx_bf16") != std::string::npos;
  const at::Tensor qkv = at::randn({1, 300, 3, 2, 64}).to(at::kBFloat16);
  AttentionArgs args{.query = qkv.select(2, 0), .key = qkv.select(2, 1), .value = qkv.select(2, 2), .key_bias = {}};
  if (!kernel_named("tiled").refusal(args).empty()) GTEST_SKIP() << kernel_named("tiled").refusal(args);
  EXPECT_TRUE(at::equal(attention(args), kernel_named(has_amx ? "aten" : "tiled").run(args)));
  args.key_bias = at::randn({300});
  EXPECT_TRUE(at::equal(attention(args), kernel_named("tiled").run(args)));
}

TEST_F(Tiled, ANamedKernelRunsOrSaysWhyNot) {
  const at::Tensor small = at::randn({1, 4, 2, 24});
  const AttentionArgs args{small, small, small, {}};
  EXPECT_EQ(attention(args).sizes(), (std::vector<int64_t>{1, 4, 48}));  // auto takes what can
  choose_attention("tiled");
  EXPECT_ERROR(attention(args), ErrorKind::unsupported, "head dimension 24; multiples of 64 are built");
  EXPECT_ERROR(choose_attention("flash"), ErrorKind::usage, "use one of auto, tiled, aten");
}

}  // namespace
}  // namespace soragen::ops
