// 8-bit attention: the kernel's own source on the emulated device against its specification, and the
// specification against exact attention on inputs shaped like those of a video transformer.
#include "kernels/attention_int8/attention_int8.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/attention/tiles.h"
#include "kernels/device/emulator/block.h"
#include "kernels/rms_rope_int8/rms_rope_int8.h"
#include "tests/kernels/attention_case.h"

namespace soragen::kernels {
namespace {

constexpr Card kAda{
    .capability = 89, .shared_bytes_per_block = 99 * 1024, .shared_bytes_per_multiprocessor = 100 * 1024};

// Queries, keys and values as rms_rope_int8 makes them.
struct Int8Case {
  AttentionShape shape;
  std::vector<int8_t> query, key;
  std::vector<Half> value;
  std::vector<float> query_scale, key_scale, bias;
  std::vector<int32_t> key_blocks;
  int kept = 0;

  explicit Int8Case(const AttentionShape& s) : shape(s) {
    std::mt19937 generator(5);
    std::uniform_real_distribution<float> scale(0.01f, 0.03f);
    for (const auto& [rows, tokens] : {std::pair(&query, s.queries), std::pair(&key, s.keys)}) {
      rows->resize(count(tokens));
      for (int8_t& number : *rows) number = static_cast<int8_t>(static_cast<int>(generator() % 255) - 127);
    }
    value = rounded<Half>(normal_floats(count(s.keys), 6));
    query_scale.resize(static_cast<size_t>(s.batch * s.heads * s.queries));
    key_scale.resize(static_cast<size_t>(s.batch * s.heads) * scale_stride());
    for (float& number : query_scale) number = scale(generator);
    for (float& number : key_scale) number = scale(generator);
  }
  size_t count(int tokens) const { return static_cast<size_t>(shape.batch * tokens * shape.heads * shape.head_dim); }
  size_t scale_stride() const { return static_cast<size_t>((shape.keys + 3) / 4 * 4); }

  AttentionInt8Params params() const {
    const int64_t token = static_cast<int64_t>(shape.heads) * shape.head_dim;
    return {.query = query.data(),
            .key = key.data(),
            .value = value.data(),
            .query_scale = query_scale.data(),
            .key_scale = key_scale.data(),
            .query_scale_stride = shape.queries,
            .key_scale_stride = static_cast<int64_t>(scale_stride()),
            .key_bias = bias.empty() ? nullptr : bias.data(),
            .key_blocks = key_blocks.empty() ? nullptr : key_blocks.data(),
            .kept = kept,
            .out_strides = {.batch = shape.queries * token, .token = token, .head = shape.head_dim},
            .batch = shape.batch,
            .heads = shape.heads,
            .queries = shape.queries,
            .keys = shape.keys,
            .head_dim = shape.head_dim,
            .element = Element::half,
            .scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim))};
  }
};

std::vector<float> specification(const Int8Case& problem) {
  std::vector<Half> out(problem.count(problem.shape.queries));
  AttentionInt8Params params = problem.params();
  params.out = out.data();
  attention_int8_ref(params);
  std::vector<float> result;
  for (const Half& number : out) result.push_back(to_float(number));
  return result;
}

std::vector<float> run_emulated(const Int8Case& problem) {
  const auto lend = [](const auto& values) { return DeviceArray(values, emulator::Access::read); };
  auto query = lend(problem.query), key = lend(problem.key);
  auto value = lend(problem.value);
  auto query_scale = lend(problem.query_scale), key_scale = lend(problem.key_scale);
  auto bias = lend(problem.bias.empty() ? std::vector<float>{0} : problem.bias);
  auto key_blocks = lend(problem.key_blocks.empty() ? std::vector<int32_t>{0} : problem.key_blocks);
  DeviceArray<Half> out{rounded<Half>(std::vector<float>(problem.count(problem.shape.queries), kPoison))};
  AttentionInt8Params params = problem.params();
  params.query = query.data();
  params.key = key.data();
  params.value = value.data();
  params.query_scale = query_scale.data();
  params.key_scale = key_scale.data();
  params.key_bias = problem.bias.empty() ? nullptr : bias.data();
  params.key_blocks = problem.key_blocks.empty() ? nullptr : key_blocks.data();
  params.out = out.data();
  EXPECT_EQ(attention_int8_support(params, kAda).why, "");
  attention_int8(params, nullptr);
  std::vector<float> result;
  for (const Half& number : out.values()) result.push_back(to_float(number));
  return result;
}

// A weight is rounded to Half once; its product with v is in a Half sum that is rounded every 16 keys, twice
// a tile. The integer products are exact; four roundings make a score of them.
void expect_equal(const Int8Case& problem) {
  const AttentionShape& s = problem.shape;
  SCOPED_TRACE(testing::Message() << s.queries << " queries, " << s.keys << " keys, D " << s.head_dim << ", "
                                  << problem.kept << " blocks kept");
  Int8Case positive = problem;
  for (Half& number : positive.value) number.bits &= 0x7FFF;
  const std::vector<float> actual = run_emulated(problem), expected = specification(problem),
                           magnitude = specification(positive);
  double bias = 0, most_value = 0;
  for (const float number : problem.bias)
    if (std::isfinite(number)) bias = std::max(bias, std::abs(static_cast<double>(number)));
  for (const Half& number : positive.value) most_value = std::max(most_value, static_cast<double>(to_float(number)));
  const double most_score = 127.0 * 127.0 * 0.03 * 0.03 * std::sqrt(static_cast<double>(s.head_dim)) + bias;
  const AttentionErrors half = element_errors<Half>();
  const double weight = 3 * half.unit + 2 * (4 * most_score * 0x1p-24 + 0x1p-22 + s.keys * 0x1p-24);
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i],
                weight * magnitude[i] * (1 + 2 * half.unit) + 2 * half.unit * std::abs(expected[i]) +
                    half.least * (2 + s.keys * (1 + most_value)))
        << "at " << i;
}

TEST(AttentionInt8, EqualsItsSpecificationAtOddLengths) {
  for (const int head_dim : {64, 128})
    for (const auto& [queries, keys] :
         std::vector<std::pair<int, int>>{{1, 1}, {9, 31}, {33, 64}, {129, 65}, {16, 201}})
      expect_equal(Int8Case({.queries = queries, .keys = keys, .head_dim = head_dim}));
}

TEST(AttentionInt8, KeepsHeadsAndBatchItemsApart) {
  expect_equal(Int8Case({.queries = 5, .keys = 70, .head_dim = 64, .heads = 3, .batch = 2}));
}

TEST(AttentionInt8, AddsTheKeyBias) {
  Int8Case problem({.queries = 20, .keys = 101, .head_dim = 128, .heads = 2});
  problem.bias = normal_floats(101, 9);
  problem.bias[100] = std::log(411.0f);
  for (const int masked : {0, 7, 60}) problem.bias[masked] = -std::numeric_limits<float>::infinity();
  expect_equal(problem);
}

TEST(AttentionInt8, AttendsToTheListedBlocksOnly) {
  Int8Case problem({.queries = 140, .keys = 300, .head_dim = 64, .heads = 2});
  problem.kept = 2;
  problem.key_blocks = {0, 3, 1, 4, 2, 3, 0, 4};  // [head, query block, kept]; block 4 is a short one
  expect_equal(problem);
}

TEST(AttentionInt8, SharedTilesHaveNoBankConflicts) {
  emulator::statistics() = {};
  for (const int head_dim : {64, 128}) run_emulated(Int8Case({.queries = 33, .keys = 65, .head_dim = head_dim}));
  EXPECT_GT(emulator::statistics().matrix_loads, 0);
  EXPECT_EQ(emulator::statistics().bank_conflicts, 0);
}

// A film of t x h x w tokens. Before their norm and rotation, rows are smooth in the token's place, share a
// mean and have outlier channels, as those of video transformers have.
struct Film {
  int t = 4, h = 12, w = 12, heads = 2, head_dim = 128;
  int tokens = t * h * w, width = heads * head_dim;
  std::vector<float> cos, sin, weight = std::vector<float>(static_cast<size_t>(width), 1.0f);
  std::vector<Bf16> product;  // [tokens, 3, width]

  Film() {
    std::mt19937 generator(11);
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<size_t>(tokens * 3 * width));
    for (int c = 0; c < width; ++c) {
      // Queries and keys wave alike, so that near tokens attend to each other.
      const float ft = normal(generator) * 0.5f, fh = normal(generator) * 0.3f, fw = normal(generator) * 0.3f,
                  phase = normal(generator) * 3.0f;
      for (int part = 0; part < 3; ++part) {
        const bool outlier = part < 2 && generator() % 32 == 0;
        const float mean = part == 2 ? 0.0f : normal(generator) * (outlier ? 12.0f : 0.5f);
        for (int token = 0; token < tokens; ++token)
          values[static_cast<size_t>((token * 3 + part) * width + c)] =
              mean +
              1.4f * std::sin(ft * static_cast<float>(token / (h * w)) + fh * static_cast<float>(token / w % h) +
                              fw * static_cast<float>(token % w) + phase) +
              0.4f * normal(generator);
      }
    }
    product = rounded<Bf16>(values);
    for (int token = 0; token < tokens; ++token)  // three axes, 44 + 42 + 42 numbers
      for (int i = 0; i < head_dim / 2; ++i) {
        const int axis = i < 22   ? 0
                         : i < 43 ? 1
                                  : 2,
                  first = axis == 0   ? 0
                          : axis == 1 ? 22
                                      : 43,
                  size = axis == 0 ? 44 : 42;
        const int place = axis == 0 ? token / (h * w) : axis == 1 ? token / w % h : token % w;
        const double angle = place * std::pow(10000.0, -2.0 * (i - first) / size);
        cos.push_back(static_cast<float>(std::cos(angle)));
        sin.push_back(static_cast<float>(std::sin(angle)));
      }
    for (float& number : weight) number = std::exp(0.3f * normal(generator));
  }
  RmsRopeArgs<Bf16> args(std::vector<Bf16>& from, int part) {
    return {.x = from.data() + part * width,
            .stride = 3 * width,
            .weight = weight.data(),
            .cos = cos.data(),
            .sin = sin.data(),
            .tokens = tokens,
            .heads = heads,
            .head_dim = head_dim,
            .eps = 1e-6f};
  }
};

std::vector<float> exact_attention(Film film) {
  rms_rope_ref(film.args(film.product, 0), 0, film.tokens);
  rms_rope_ref(film.args(film.product, 1), 0, film.tokens);
  std::vector<Bf16> out(static_cast<size_t>(film.tokens * film.width));
  const Strides in{.token = 3 * film.width, .head = film.head_dim};
  attention_ref({.query = film.product.data(),
                 .key = film.product.data() + film.width,
                 .value = film.product.data() + 2 * film.width,
                 .out = out.data(),
                 .query_strides = in,
                 .key_strides = in,
                 .value_strides = in,
                 .out_strides = {.token = film.width, .head = film.head_dim},
                 .batch = 1,
                 .heads = film.heads,
                 .queries = film.tokens,
                 .keys = film.tokens,
                 .head_dim = film.head_dim,
                 .scale = 1.0f / std::sqrt(static_cast<float>(film.head_dim))});
  std::vector<float> result;
  for (const Bf16& number : out) result.push_back(to_float(number));
  return result;
}

Int8Case quantised(Film& film, bool centred) {
  Int8Case problem({.queries = film.tokens, .keys = film.tokens, .head_dim = film.head_dim, .heads = film.heads});
  std::vector<float> centre(static_cast<size_t>(film.width));
  key_centre_ref(KeyCentreArgs<Bf16>{.key = film.args(film.product, 1), .batch = 1, .centre = centre.data()});
  rms_rope_int8_ref(RmsRopeInt8Args<Bf16>{.query = film.args(film.product, 0),
                                          .key = film.args(film.product, 1),
                                          .value = film.product.data() + 2 * film.width,
                                          .centre = centred ? centre.data() : nullptr,
                                          .query8 = problem.query.data(),
                                          .key8 = problem.key.data(),
                                          .value16 = problem.value.data(),
                                          .query_scale = problem.query_scale.data(),
                                          .key_scale = problem.key_scale.data(),
                                          .scale_stride = film.tokens},
                    film.tokens);
  return problem;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  const double ab = std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  return ab / std::sqrt(std::inner_product(a.begin(), a.end(), a.begin(), 0.0) *
                        std::inner_product(b.begin(), b.end(), b.begin(), 0.0));
}

TEST(AttentionInt8Quality, StaysNearExactAttentionOnOutlierChannels) {
  Film film;
  const std::vector<float> exact = exact_attention(film);
  const double centred = cosine(specification(quantised(film, true)), exact),
               plain = cosine(specification(quantised(film, false)), exact);
  RecordProperty("cosine_centred", std::to_string(centred));
  RecordProperty("cosine_plain", std::to_string(plain));
  EXPECT_GE(centred, 0.999);
  EXPECT_GT(centred, plain);  // taking the keys' mean away is worth its pass
}

// The share of its weight that each query block gives to each key block, per head: attention to values that
// say which block their key is in.
std::vector<std::vector<double>> block_weights(Int8Case problem) {
  const AttentionShape& s = problem.shape;
  for (size_t i = 0; i < problem.value.size(); ++i) {
    const auto token = static_cast<int>(i) / (s.heads * s.head_dim), column = static_cast<int>(i) % s.head_dim;
    store(column == token / kKeyBlock ? 1.0f : 0.0f, problem.value[i]);
  }
  const std::vector<float> out = specification(problem);
  const int query_blocks = blocks_of(s.queries, kAttentionQueries), blocks = blocks_of(s.keys, kKeyBlock);
  std::vector<std::vector<double>> weights(static_cast<size_t>(s.heads * query_blocks),
                                           std::vector<double>(static_cast<size_t>(blocks)));
  for (int query = 0; query < s.queries; ++query)
    for (int head = 0; head < s.heads; ++head) {
      const int block = query / kAttentionQueries,
                rows = std::min(kAttentionQueries, s.queries - block * kAttentionQueries);
      for (int j = 0; j < blocks; ++j)
        weights[static_cast<size_t>(head * query_blocks + block)][static_cast<size_t>(j)] +=
            out[static_cast<size_t>((query * s.heads + head) * s.head_dim + j)] / rows;
    }
  return weights;
}

TEST(AttentionInt8Quality, BlockSelectionKeepsNearlyTheMostWeight) {
  Film film;
  Int8Case problem = quantised(film, true);
  const std::vector<float> dense = specification(problem);
  std::vector<std::vector<double>> weights = block_weights(problem);
  const auto blocks = static_cast<int>(weights[0].size());
  double before = 0;
  for (int kept = 1; kept <= blocks; kept += 2) {
    problem.kept = kept;
    problem.key_blocks.resize(weights.size() * static_cast<size_t>(kept));
    select_key_blocks(problem.params(), problem.key_blocks.data());
    double selected = 0, most = 0;
    for (size_t list = 0; list < weights.size(); ++list) {
      for (int i = 0; i < kept; ++i)
        selected +=
            weights[list]
                   [static_cast<size_t>(problem.key_blocks[list * static_cast<size_t>(kept) + static_cast<size_t>(i)])];
      std::vector<double> sorted = weights[list];
      std::sort(sorted.rbegin(), sorted.rend());
      most += std::accumulate(sorted.begin(), sorted.begin() + kept, 0.0);
    }
    const auto lists = static_cast<double>(weights.size());
    const double near = cosine(specification(problem), dense);
    RecordProperty(
        "kept_" + std::to_string(kept) + "_of_" + std::to_string(blocks),
        (testing::Message() << "weight " << selected / lists << " of at most " << most / lists << ", cosine " << near)
            .GetString());
    // By chance kept / blocks of the weight is kept; half the way from there to the best choice is the least.
    EXPECT_GE(selected / lists, 0.5 * (most / lists + static_cast<double>(kept) / blocks) - 1e-6)
        << kept << " of " << blocks;
    EXPECT_GT(near, before);  // more blocks, less error
    before = near;
  }
  EXPECT_NEAR(before, 1.0, 1e-6);  // all blocks: dense again
}

TEST(AttentionInt8Support, SaysWhyNot) {
  Int8Case problem({.queries = 4, .keys = 70});
  AttentionInt8Params params = problem.params();
  params.out = problem.value.data();
  EXPECT_EQ(attention_int8_support(params, kAda).why, "");
  params.key_scale_stride = 70;
  EXPECT_EQ(attention_int8_support(params, kAda).why, "key scales are 70 apart; multiples of 4 are valid");
  params = problem.params();
  const int32_t list[] = {0, 1, 2};
  params.key_blocks = list;
  params.kept = 3;
  EXPECT_EQ(attention_int8_support(params, kAda).why, "3 key blocks kept; 1 to 2 are valid");
}

}  // namespace
}  // namespace soragen::kernels
