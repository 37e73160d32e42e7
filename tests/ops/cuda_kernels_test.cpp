// The front doors over the plug-in's kernels, whose sources run on the emulated device: tensors become arguments, the
// rule is kept, and results meet the CPU's within rounding.
#include "ops/cuda_kernels.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/sin.h>
#include <c10/core/InferenceMode.h>

#include "cuda/kernel_table.h"
#include "kernels/attention_int8/attention_int8.h"
#include "kernels/device/emulator/global_memory.h"
#include "ops/attention.h"
#include "ops/norm.h"
#include "ops/norm_aten.h"
#include "support/expect_error.h"

namespace soragen::ops {
namespace {

using kernels::emulator::Access;
using kernels::emulator::GlobalRange;

class CudaKernels : public testing::Test {
 protected:
  void SetUp() override { put_in(kCard); }
  void TearDown() override {
    choose_attention("auto");
    remove_cuda_kernels();
  }

  void put_in(const kernels::Card& card) { install_cuda_kernels({.table = &table, .card = card, .device = at::kCPU}); }

  static constexpr kernels::Card kHopper{
      .capability = 90, .shared_bytes_per_block = 227 * 1024, .shared_bytes_per_multiprocessor = 228 * 1024};
  static constexpr kernels::Card kCard{
      .capability = 80, .shared_bytes_per_block = 163 * 1024, .shared_bytes_per_multiprocessor = 164 * 1024};
  c10::InferenceMode inference;
  kernels::CudaPlugin table = cuda::kernel_table();
  GlobalRange all{nullptr, SIZE_MAX, Access::read_write};  // tensors come and go inside the front doors
};

double largest(const at::Tensor& x) { return x.to(at::kDouble).abs().max().item<double>(); }

TEST_F(CudaKernels, ServeOnlyAfterTheirSelfTest) {
  const at::Tensor x = at::randn({3, 64});
  EXPECT_NE(why_not(CudaKernel::layer_norm, x).find("self-test has not run"), std::string::npos);
  const auto tests = test_cuda_kernels();
  EXPECT_EQ(tests.size(), 20U);
  for (const CudaKernelTest& test : tests)
    EXPECT_TRUE(test.passed()) << test.name << ": " << test.error << ' ' << test.problem;
  EXPECT_EQ(why_not(CudaKernel::layer_norm, x), "");
  remove_cuda_kernels();
  EXPECT_NE(why_not(CudaKernel::layer_norm, x).find("none is in use"), std::string::npos);
}

// A kernel that computes something else, as one on a card would that our compiler got wrong.
TEST_F(CudaKernels, ThoseThatFailTheirSelfTestDoNotServe) {
  table.bf16.rms_rope = [](const kernels::RmsRopeArgs<kernels::Bf16>*, int64_t, kernels::Stream,
                           kernels::CudaFailure*) {};
  table.float32.gelu = [](const kernels::GeluArgs<float>*, kernels::Stream, kernels::CudaFailure* failure) {
    cuda::report_failure(*failure, static_cast<int>(ErrorKind::internal), "no such instruction");
  };
  test_cuda_kernels();
  const at::Tensor x = at::randn({3, 64});
  EXPECT_NE(why_not(CudaKernel::rms_rope, x).find("self-test failed"), std::string::npos);
  EXPECT_NE(why_not(CudaKernel::gelu, x).find("self-test failed"), std::string::npos);
  EXPECT_EQ(why_not(CudaKernel::rms_silu, x), "");
}

TEST_F(CudaKernels, AttentionByNameOrAnError) {
  const at::Tensor qkv = at::randn({1, 70, 3, 2, 64}).to(at::kBFloat16);
  const AttentionArgs args{
      .query = qkv.select(2, 0), .key = qkv.select(2, 1), .value = qkv.select(2, 2), .key_bias = at::randn({70})};
  const at::Tensor exact = attention(args);
  static int calls;
  calls = 0;
  table.attention_sm80 = [](const kernels::AttentionParams* params, const kernels::Card* card, kernels::Stream stream,
                            kernels::CudaFailure* failure) {
    ++calls;
    cuda::kernel_table().attention_sm80(params, card, stream, failure);
  };
  choose_attention("sm80");
  EXPECT_ERROR(attention(args), ErrorKind::unsupported, "--attention sm80 cannot compute this model: its self-test");
  test_cuda_kernels();
  calls = 0;
  const at::Tensor ours = attention(args);
  EXPECT_EQ(calls, 1);
  // Both round weights and result to bf16: two places of the largest value each.
  EXPECT_LE(largest(ours.to(at::kDouble) - exact.to(at::kDouble)), 4 * 0x1p-7 * largest(args.value));
  const AttentionArgs wide{.query = args.query.to(at::kFloat),
                           .key = args.key.to(at::kFloat),
                           .value = args.value.to(at::kFloat),
                           .key_bias = {}};
  EXPECT_ERROR(attention(wide), ErrorKind::unsupported, "element type Float; bfloat16 and half");
}

// The copy engine and the warpgroups' products are emulated too. On another card the kernel is neither run nor tested.
TEST_F(CudaKernels, Sm90AttentionServesOnItsOwnCardAlone) {
  const at::Tensor qkv = at::randn({2, 140, 3, 2, 128}).to(at::kBFloat16);
  const AttentionArgs args{
      .query = qkv.select(2, 0), .key = qkv.select(2, 1), .value = qkv.select(2, 2), .key_bias = at::randn({140})};
  const at::Tensor exact = attention(args);
  test_cuda_kernels();
  choose_attention("sm90");
  EXPECT_ERROR(attention(args), ErrorKind::unsupported,
               "--attention sm90 cannot compute this model: the card is sm_80");
  put_in(kHopper);
  EXPECT_ERROR(attention(args), ErrorKind::unsupported, "--attention sm90 cannot compute this model: its self-test");
  EXPECT_EQ(test_cuda_kernels().size(), 22U);
  EXPECT_LE(largest(attention(args).to(at::kDouble) - exact.to(at::kDouble)), 4 * 0x1p-7 * largest(args.value));
  table.attention_sm90 = [](const kernels::AttentionParams*, const kernels::Card*, kernels::Stream,
                            kernels::CudaFailure*) {};
  test_cuda_kernels();
  EXPECT_ERROR(attention(args), ErrorKind::unsupported, "self-test failed");
}

TEST_F(CudaKernels, SelfAttentionIn8BitsStaysNearTheExactOne) {
  const at::Tensor qkv = at::randn({2, 40, 3, 2, 64}).to(at::kBFloat16), norm = at::randn({2, 128}),
                   angles = at::randn({40, 32});
  const auto run = [&] {
    return self_attention({.qkv = qkv.clone(),
                           .norm_q = norm[0],
                           .norm_k = norm[1],
                           .rotary = {at::cos(angles), at::sin(angles)},
                           .eps = 1e-6})
        .to(at::kDouble);
  };
  const at::Tensor exact = run();
  test_cuda_kernels();
  choose_attention("int8");
  const at::Tensor found = run();
  const double cosine = ((found * exact).sum() / (found.square().sum() * exact.square().sum()).sqrt()).item<double>();
  EXPECT_GT(cosine, .999);  // the goal of 8-bit attention
  EXPECT_LT(cosine, 1.0 - 1e-9);
}

// The blocks that are kept are the specification's, and no other key is seen: attention to those alone, in double.
TEST_F(CudaKernels, SparseAttentionSeesHalfOfTheKeyBlocks) {
  at::manual_seed(7);
  constexpr int64_t kTokens = 300, kHeads = 2, kDim = 64, kWidth = kHeads * kDim;  // 5 blocks of keys, 3 are kept
  const at::Tensor qkv = at::randn({1, kTokens, 3, kHeads, kDim}).to(at::kBFloat16);
  // A block of keys whose values tell it from the others.
  for (int64_t token = 0; token < kTokens; ++token) qkv[0][token][2].fill_(static_cast<double>(token / 64));
  qkv.select(2, 0).mul_(4);
  static std::vector<int32_t> seen;
  static int kept;
  table.attention_int8 = [](const kernels::AttentionInt8Params* params, kernels::Stream stream,
                            kernels::CudaFailure* failure) {
    seen.clear();
    kept = params->kept;
    if (params->key_blocks != nullptr) {
      std::vector<int32_t> expected(static_cast<size_t>(params->heads) * 3 * static_cast<size_t>(kept));
      kernels::select_key_blocks(*params, expected.data());
      seen.assign(params->key_blocks, params->key_blocks + expected.size());
      EXPECT_EQ(seen, expected);
    }
    cuda::kernel_table().attention_int8(params, stream, failure);
  };
  test_cuda_kernels();
  choose_attention("int8-sparse");
  const at::Tensor ones = at::ones({kWidth});
  const at::Tensor out =
      self_attention({.qkv = qkv.clone(), .norm_q = ones, .norm_k = ones, .rotary = {}, .eps = 1e-6}).to(at::kDouble);
  ASSERT_EQ(kept, 3);
  ASSERT_EQ(seen.size(), 18U);
  for (int64_t head = 0; head < kHeads; ++head)
    for (int64_t token = 0; token < kTokens; ++token) {
      const int32_t* const list = &seen[static_cast<size_t>((head * 3 + token / 128) * kept)];
      const double value = out[0][token][head * kDim].item<double>();
      EXPECT_GE(value, list[0] - .03) << token;  // values are block numbers: an average of those that are seen
      EXPECT_LE(value, list[kept - 1] + .03) << token;
    }
}

// The forms for devices without kernels of ours, against the kernels of the CPU: float32 differs by rounding in sums of
// 384 terms.
TEST(NormsInAten, EqualTheKernels) {
  const c10::InferenceMode inference;
  constexpr double kError = 64 * 0x1p-23;
  const at::Tensor x = at::randn({2, 9, 6, 64}), weight = at::randn({384}), angles = at::randn({9, 32}),
                   gate = at::randn({384});
  const Rotary rotary{at::cos(angles), at::sin(angles)};
  for (const Rotary& turn : {rotary, Rotary{}}) {
    at::Tensor a = x.clone(), b = x.clone();
    rms_rope_(a, weight, turn, 1e-6);
    aten_rms_rope_(b, weight, turn, 1e-6);
    EXPECT_LE(largest(a - b), kError * largest(a));
  }
  at::Tensor flat_a = x.flatten(2).clone(), flat_b = flat_a.clone();
  const ResidualUpdate residual{at::randn({2, 9, 384}), gate};
  const at::Tensor normed = add_layer_norm(flat_a, residual, weight, gate, 1e-6);
  aten_add_residual(flat_b, residual);
  EXPECT_LE(largest(flat_a - flat_b), kError * largest(flat_a));
  at::Tensor normed_b = flat_b.clone();
  aten_layer_norm_out(flat_b, weight, gate, 1e-6, normed_b);
  EXPECT_LE(largest(normed - normed_b), kError * largest(normed));
  for (const bool silu : {true, false}) {
    at::Tensor a = flat_a.clone(), b = flat_a.clone();
    rms_silu_out(flat_a, weight, silu, a);
    aten_rms_silu_out(flat_a, weight, silu, b);
    EXPECT_LE(largest(a - b), kError * largest(a));
  }
}

}  // namespace
}  // namespace soragen::ops
