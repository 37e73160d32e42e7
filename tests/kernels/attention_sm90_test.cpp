// The sm_90a attention kernel's own source, run on the emulated device, against the specification.
#include "kernels/attention/attention.h"
#include "kernels/attention/tiles.h"
#include "tests/kernels/attention_emulated.h"

namespace soragen::kernels {
namespace {

constexpr Card kH100{
    .capability = 90, .shared_bytes_per_block = 227 * 1024, .shared_bytes_per_multiprocessor = 228 * 1024};

template <typename T>
void expect_equal(const AttentionCase<T>& problem) {
  const AttentionShape& s = problem.shape;
  SCOPED_TRACE(testing::Message() << s.queries << " queries, " << s.keys << " keys, D " << s.head_dim << ", " << s.heads
                                  << " heads, batch " << s.batch);
  expect_attention(problem, run_emulated(problem, [](const AttentionParams& params) {
                     EXPECT_EQ(attention_sm90_support(params, kH100).why, "");
                     attention_sm90(params, kH100, nullptr);
                   }));
}

template <typename T>
class AttentionSm90 : public testing::Test {};
using Elements = testing::Types<Bf16, Half>;
TYPED_TEST_SUITE(AttentionSm90, Elements);

TYPED_TEST(AttentionSm90, EqualsItsSpecificationAtOddLengths) {
  for (const int head_dim : {64, 128})
    for (const auto& [queries, keys] :
         std::vector<std::pair<int, int>>{{1, 1}, {7, 127}, {65, 128}, {129, 129}, {16, 257}})
      expect_equal(AttentionCase<TypeParam>({.queries = queries, .keys = keys, .head_dim = head_dim}));
}

TYPED_TEST(AttentionSm90, TheRingOfTilesGoesRound) {  // every stage three times
  for (const int head_dim : {64, 128})
    expect_equal(AttentionCase<TypeParam>({.queries = 100, .keys = 5 * kSm90Keys + 9, .head_dim = head_dim}));
}

TYPED_TEST(AttentionSm90, KeepsHeadsAndBatchItemsApart) {
  expect_equal(AttentionCase<TypeParam>({.queries = 5, .keys = 50, .head_dim = 64, .heads = 3, .batch = 2}));
}

TYPED_TEST(AttentionSm90, AddsTheKeyBias) {
  AttentionCase<TypeParam> problem({.queries = 20, .keys = 201, .head_dim = 128, .heads = 2});
  problem.bias = normal_floats(201, 9);
  problem.bias[200] = std::log(411.0f);  // one key that stands for 411 equal ones
  for (const int masked : {0, 7, 160}) problem.bias[masked] = -std::numeric_limits<float>::infinity();
  expect_equal(problem);
}

TYPED_TEST(AttentionSm90, MaskedKeysComeFirst) {  // a whole tile without a key that counts
  AttentionCase<TypeParam> problem({.queries = 3, .keys = 300, .head_dim = 64});
  problem.bias.assign(300, -std::numeric_limits<float>::infinity());
  problem.bias[299] = 0;
  expect_equal(problem);
}

TYPED_TEST(AttentionSm90, EveryKeyMaskedGivesZeros) {
  AttentionCase<TypeParam> problem({.queries = 3, .keys = 5, .head_dim = 64});
  problem.bias.assign(5, -std::numeric_limits<float>::infinity());
  expect_equal(problem);
}

TYPED_TEST(AttentionSm90, LargeScoresDoNotOverflow) {
  expect_equal(AttentionCase<TypeParam>({.queries = 10, .keys = 170, .head_dim = 128}, 3, 20.0f));
}

TEST(AttentionSm90Support, SaysWhyNot) {
  AttentionCase<Bf16> problem({.queries = 4, .keys = 4});
  AttentionParams params = problem.params();
  params.out = problem.query.data();
  EXPECT_EQ(attention_sm90_support(params, kH100).why, "");
  for (const int capability : {80, 89, 100, 120})
    EXPECT_EQ(attention_sm90_support(params, {.capability = capability}).why,
              "the card is sm_" + std::to_string(capability) + "; only sm_90 has the warpgroup products it needs");
  EXPECT_EQ(attention_sm90_support(params, {.capability = 90, .shared_bytes_per_block = 48 * 1024}).why,
            "81992 bytes of shared memory needed; a block of this card has 49152");
  AttentionParams odd = params;
  odd.head_dim = 96;
  EXPECT_EQ(attention_sm90_support(odd, kH100).why, "head dimension 96; 64 and 128 are built");
  odd = params;
  odd.key_strides.head = -64;
  EXPECT_EQ(attention_sm90_support(odd, kH100).why, "a stride of -64 elements; 0 to 2^39 is valid for bulk copies");
}

TEST(AttentionSm90Tiles, FitTheCard) {
  EXPECT_LE(attention_sm90_shared_bytes(128), static_cast<size_t>(kH100.shared_bytes_per_block));
  EXPECT_LE(128 * (kSm90ProducerRegisters + kSm90Warpgroups * kSm90ConsumerRegisters), 65536);
}

}  // namespace
}  // namespace soragen::kernels
