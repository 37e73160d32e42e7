// The sm_80 attention kernel's own source, run on the emulated device, against its specification.
#include "kernels/attention/attention.h"

#include "kernels/attention/tiles.h"
#include "kernels/device/emulator/block.h"
#include "tests/kernels/attention_emulated.h"

namespace soragen::kernels {
namespace {

constexpr Card kA100{
    .capability = 80, .shared_bytes_per_block = 163 * 1024, .shared_bytes_per_multiprocessor = 164 * 1024};
constexpr Card kAda{
    .capability = 89, .shared_bytes_per_block = 99 * 1024, .shared_bytes_per_multiprocessor = 100 * 1024};

template <typename T>
AttentionResult run_emulated(const AttentionCase<T>& problem, const Card& card) {
  return run_emulated(problem, [&](const AttentionParams& params) {
    EXPECT_EQ(attention_sm80_support(params, card).why, "");
    attention_sm80(params, card, nullptr);
  });
}

template <typename T>
void expect_equal(const AttentionCase<T>& problem, const Card& card = kA100) {
  const AttentionShape& s = problem.shape;
  SCOPED_TRACE(testing::Message() << s.queries << " queries, " << s.keys << " keys, D " << s.head_dim << ", " << s.heads
                                  << " heads, batch " << s.batch << ", sm_" << card.capability);
  expect_attention(problem, run_emulated(problem, card));
}

template <typename T>
class Attention : public testing::Test {};
using Elements = testing::Types<Bf16, Half>;
TYPED_TEST_SUITE(Attention, Elements);

TYPED_TEST(Attention, EqualsItsSpecificationAtOddLengths) {
  for (const int head_dim : {64, 128})
    for (const auto& [queries, keys] :
         std::vector<std::pair<int, int>>{{1, 1}, {7, 47}, {33, 48}, {129, 65}, {16, 193}})
      expect_equal(AttentionCase<TypeParam>({.queries = queries, .keys = keys, .head_dim = head_dim}));
}

TYPED_TEST(Attention, EqualsItsSpecificationOnCardsWithLittleSharedMemory) {
  for (const int keys : {31, 32, 100})
    expect_equal(AttentionCase<TypeParam>({.queries = 40, .keys = keys, .head_dim = 128}), kAda);
}

TYPED_TEST(Attention, KeepsHeadsAndBatchItemsApart) {
  expect_equal(AttentionCase<TypeParam>({.queries = 5, .keys = 50, .head_dim = 64, .heads = 3, .batch = 2}));
}

TYPED_TEST(Attention, AddsTheKeyBias) {
  AttentionCase<TypeParam> problem({.queries = 20, .keys = 101, .head_dim = 128, .heads = 2});
  problem.bias = normal_floats(101, 9);
  problem.bias[100] = std::log(411.0f);  // one key that stands for 411 equal ones
  for (const int masked : {0, 7, 60}) problem.bias[masked] = -std::numeric_limits<float>::infinity();
  expect_equal(problem);
}

TYPED_TEST(Attention, MaskedKeysComeFirst) {  // a whole tile without a key that counts
  AttentionCase<TypeParam> problem({.queries = 3, .keys = 130, .head_dim = 64});
  problem.bias.assign(130, -std::numeric_limits<float>::infinity());
  problem.bias[129] = 0;
  expect_equal(problem);
}

TYPED_TEST(Attention, EveryKeyMaskedGivesZeros) {
  AttentionCase<TypeParam> problem({.queries = 3, .keys = 5, .head_dim = 64});
  problem.bias.assign(5, -std::numeric_limits<float>::infinity());
  expect_equal(problem);
}

TYPED_TEST(Attention, LargeScoresDoNotOverflow) {
  expect_equal(AttentionCase<TypeParam>({.queries = 10, .keys = 70, .head_dim = 128}, 3, 20.0f));
}

TYPED_TEST(Attention, EqualKeysAverageTheValues) {
  AttentionCase<TypeParam> problem({.queries = 2, .keys = 77, .head_dim = 64});
  for (auto& key : problem.key) store(1.0f, key);
  for (size_t i = 0; i < problem.value.size(); ++i) store(static_cast<float>(i / (3 * 64)), problem.value[i]);
  const AttentionResult result = run_emulated(problem, kA100);
  expect_attention(problem, result);
  const double unit = element_errors<TypeParam>().unit;
  EXPECT_NEAR(result.out[0], 38.0, 38.0 * 2 * unit);  // the mean of 0 to 76
  EXPECT_NEAR(result.log_sum_exp[0] - result.log_sum_exp[1], 0, 10);
}

TYPED_TEST(Attention, SharedTilesHaveNoBankConflicts) {
  for (const int head_dim : {64, 128}) {
    emulator::statistics() = {};
    expect_equal(AttentionCase<TypeParam>({.queries = 33, .keys = 65, .head_dim = head_dim}));
    EXPECT_GT(emulator::statistics().matrix_loads, 0);
    EXPECT_EQ(emulator::statistics().bank_conflicts, 0);
  }
}

TEST(AttentionSupport, SaysWhyNot) {
  AttentionCase<Bf16> problem({.queries = 4, .keys = 4});
  AttentionParams params = problem.params();
  params.out = problem.query.data();
  EXPECT_EQ(attention_sm80_support(params, kA100).why, "");
  EXPECT_EQ(attention_sm80_support(params, {.capability = 75}).why,
            "the card is sm_75; sm_80 and newer have what it needs");
  AttentionParams odd = params;
  odd.head_dim = 96;
  EXPECT_EQ(attention_sm80_support(odd, kA100).why, "head dimension 96; 64 and 128 are built");
  odd = params;
  odd.key_strides.token = 100;
  EXPECT_EQ(attention_sm80_support(odd, kA100).why, "key has a stride of 100 elements; multiples of 8 are valid");
  odd = params;
  odd.value = static_cast<const char*>(params.value) + 2;
  EXPECT_EQ(attention_sm80_support(odd, kA100).why, "value is not 16-byte aligned");
}

TEST(AttentionTiles, FitTheCards) {
  EXPECT_EQ(attention_key_tile(64, 100 * 1024), 64);
  EXPECT_EQ(attention_key_tile(128, 100 * 1024), 32);
  EXPECT_EQ(attention_key_tile(128, 164 * 1024), 48);
  EXPECT_LE(2 * (attention_shared_bytes(128, 32) + 1024), 100u * 1024);
}

}  // namespace
}  // namespace soragen::kernels
