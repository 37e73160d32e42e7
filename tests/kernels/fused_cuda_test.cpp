// The fused CUDA kernels' own sources, run on the emulated device, against their specifications.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/causal_cache/causal_cache.h"
#include "kernels/gelu/gelu.h"
#include "kernels/layer_norm/layer_norm.h"
#include "kernels/rgb8/rgb8.h"
#include "kernels/rms_rope/rms_rope.h"
#include "kernels/rms_rope_int8/rms_rope_int8.h"
#include "kernels/rms_silu/rms_silu.h"
#include "tests/kernels/device_memory.h"

namespace soragen::kernels {
namespace {

using emulator::Access;

DeviceArray<float> lent_floats(size_t count, unsigned seed, float scale = 1.0f) {
  return DeviceArray<float>(normal_floats(count, seed, scale), Access::read);
}
template <typename T>
DeviceArray<T> lent(const std::vector<T>& values) {
  return DeviceArray<T>(values, Access::read);
}

// Kernel and specification round once to T what they computed in float and in double: one place of T apart.
// In float a row's sum misses by some units for the depth of its tree and as many for the arithmetic after
// it, 16 in all; where terms cancel those are units of the terms, which the largest result bounds.
template <typename T>
void expect_close(const std::vector<T>& actual, const std::vector<T>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  const double place = sizeof(T) == 4 ? 0x1p-23 : std::is_same_v<T, Half> ? 0x1p-10 : 0x1p-7;
  const double least = std::is_same_v<T, Half> ? 0x1p-24 : 0;
  double most = 0;
  for (const T& value : expected) most = std::max(most, std::abs(static_cast<double>(to_float(value))));
  for (size_t i = 0; i < actual.size(); ++i) {
    const double e = to_float(expected[i]);
    ASSERT_NEAR(to_float(actual[i]), e, place * std::abs(e) + 16 * 0x1p-23 * most + least) << "at " << i;
  }
}

template <typename T>
class FusedCuda : public testing::Test {};
using Elements = testing::Types<float, Bf16, Half>;
TYPED_TEST_SUITE(FusedCuda, Elements);

TYPED_TEST(FusedCuda, LayerNorm) {
  using T = TypeParam;
  for (const int64_t width : {8, 1536, 2056, 5120, 8192})
    for (const int inputs : {0, 1, 2}) {  // none, an update, an update with a gate
      SCOPED_TRACE(testing::Message() << "width " << width << " inputs " << inputs);
      const int64_t rows = 3;
      const auto count = static_cast<size_t>(rows * width);
      auto gate = lent_floats(width, 2), scale = lent_floats(width, 3), shift = lent_floats(width, 4);
      auto update = lent(rounded<T>(normal_floats(count, 5)));
      DeviceArray<T> x(rounded<T>(normal_floats(count, 6, 3.0f))), out{std::vector<T>(count)};
      std::vector<T> x_ref = x.values(), out_ref(count);
      LayerNormArgs<T> args{.x = x.data(),
                            .update = inputs > 0 ? update.data() : nullptr,
                            .gate = inputs > 1 ? gate.data() : nullptr,
                            .scale = scale.data(),
                            .shift = shift.data(),
                            .out = out.data(),
                            .width = width,
                            .eps = 1e-6f};
      EXPECT_EQ(layer_norm_cuda_support(args).why, "");
      layer_norm_cuda(args, rows, nullptr);
      args.x = x_ref.data();
      args.out = out_ref.data();
      layer_norm_ref(args, 0, rows);
      expect_close(x.values(), x_ref);
      expect_close(out.values(), out_ref);
    }
}

TYPED_TEST(FusedCuda, LayerNormUpdatesWithoutANorm) {
  using T = TypeParam;
  auto update = lent(rounded<T>(normal_floats(64, 5)));
  DeviceArray<T> x(rounded<T>(normal_floats(64, 6)));
  std::vector<T> x_ref = x.values();
  LayerNormArgs<T> args{.x = x.data(), .update = update.data(), .width = 32};
  layer_norm_cuda(args, 2, nullptr);
  args.x = x_ref.data();
  layer_norm_ref(args, 0, 2);
  expect_close(x.values(), x_ref);
}

// A product [rows, 3, heads, head_dim] of queries, keys and values with what rms_rope needs beside it.
template <typename T>
struct Product {
  int64_t heads, head_dim, tokens, rows, width = heads * head_dim;
  std::vector<T> values = rounded<T>(normal_floats(static_cast<size_t>(rows * 3 * width), 1, 2.0f));
  DeviceArray<float> query_weight = lent_floats(static_cast<size_t>(width), 2),
                     key_weight = lent_floats(static_cast<size_t>(width), 3);
  DeviceArray<float> cos = lent_floats(static_cast<size_t>(tokens * head_dim / 2), 4),
                     sin = lent_floats(static_cast<size_t>(tokens * head_dim / 2), 5);

  RmsRopeArgs<T> args(T* product, int64_t part, bool rotates) {
    return {.x = product + part * width,
            .stride = 3 * width,
            .weight = part == 0 ? query_weight.data() : key_weight.data(),
            .cos = rotates ? cos.data() : nullptr,
            .sin = rotates ? sin.data() : nullptr,
            .tokens = tokens,
            .heads = heads,
            .head_dim = head_dim,
            .eps = 1e-6f};
  }
};

TYPED_TEST(FusedCuda, RmsRope) {
  using T = TypeParam;
  for (const auto& [heads, head_dim] : std::vector<std::pair<int64_t, int64_t>>{{1, 8}, {12, 128}, {3, 64}, {40, 128}})
    for (const bool rotates : {false, true})
      for (const bool keys : {false, true}) {
        SCOPED_TRACE(testing::Message() << heads << " heads of " << head_dim << " rotates " << rotates << " keys "
                                        << keys);
        Product<T> product{.heads = heads, .head_dim = head_dim, .tokens = 2, .rows = 3};
        DeviceArray<T> actual(product.values);
        std::vector<T> expected = product.values;
        const RmsRopeArgs<T> query = product.args(actual.data(), 0, rotates),
                             key = product.args(actual.data(), 1, rotates);
        EXPECT_EQ(rms_rope_cuda_support(query).why, "");
        rms_rope_cuda(query, keys ? &key : nullptr, product.rows, nullptr);
        rms_rope_ref(product.args(expected.data(), 0, rotates), 0, product.rows);
        if (keys) rms_rope_ref(product.args(expected.data(), 1, rotates), 0, product.rows);
        expect_close(actual.values(), expected);
      }
}

TYPED_TEST(FusedCuda, RmsSilu) {
  using T = TypeParam;
  for (const int64_t channels : {8, 96, 104, 192, 256, 384, 768, 1024})
    for (const float scale : {0.0f, 1e-2f, 300.0f})
      for (const bool silu : {false, true}) {
        SCOPED_TRACE(testing::Message() << "channels " << channels << " scale " << scale << " silu " << silu);
        const int64_t pixels = 35;
        const auto count = static_cast<size_t>(pixels * channels);
        auto gamma = lent_floats(channels, 2, 4.0f);
        auto x = lent(rounded<T>(normal_floats(count, 3, scale)));
        DeviceArray<T> out{std::vector<T>(count)};
        std::vector<T> out_ref(count);
        RmsSiluArgs<T> args{
            .x = x.data(), .gamma = gamma.data(), .out = out.data(), .channels = channels, .silu = silu};
        EXPECT_EQ(rms_silu_cuda_support(args).why, "");
        rms_silu_cuda(args, pixels, nullptr);
        args.out = out_ref.data();
        rms_silu_ref(args, 0, pixels);
        expect_close(out.values(), out_ref);
      }
}

TYPED_TEST(FusedCuda, Gelu) {
  using T = TypeParam;
  std::vector<float> values = normal_floats(4096 - 8, 1, 3.0f);
  for (const float edge : {0.0f, -0.0f, 1e4f, -1e4f, 5.5f, -5.5f, 1e-6f, -1e-6f}) values.push_back(edge);
  auto x = lent(rounded<T>(values));
  DeviceArray<T> out{std::vector<T>(values.size())};
  std::vector<T> out_ref(values.size());
  GeluArgs<T> args{.x = x.data(), .out = out.data(), .count = static_cast<int64_t>(values.size())};
  EXPECT_EQ(gelu_cuda_support(args).why, "");
  gelu_cuda(args, nullptr);
  args.out = out_ref.data();
  gelu_ref(args);
  expect_close(out.values(), out_ref);
}

TYPED_TEST(FusedCuda, Rgb8) {
  using T = TypeParam;
  for (const int64_t patch : {1, 2}) {
    Rgb8Args<T> args{.frames = 2, .height = 3, .width = 100, .patch = patch};
    const auto count = static_cast<size_t>(args.frames * args.height * args.width * 3 * patch * patch);
    std::vector<float> values = normal_floats(count, 1, 0.7f);
    // Every number that stands for a byte and every tie between two.
    for (int i = 0; i <= 510; ++i) values[static_cast<size_t>(i)] = static_cast<float>(i) / 255.0f - 1.0f;
    auto x = lent(rounded<T>(values));
    DeviceArray<uint8_t> out(std::vector<uint8_t>(count, 77));
    std::vector<uint8_t> out_ref(count);
    args.x = x.data();
    args.out = out.data();
    EXPECT_EQ(rgb8_cuda_support(args).why, "");
    rgb8_cuda(args, nullptr);
    args.out = out_ref.data();
    rgb8_ref(args);
    EXPECT_EQ(out.values(), out_ref) << "patch " << patch;
  }
}

TEST(CausalCacheCuda, EqualsItsSpecification) {
  for (const int64_t past : {1, 2})
    for (const int64_t frames : {1, 2, 5})
      for (const bool first : {false, true}) {
        SCOPED_TRACE(testing::Message() << past << " past, " << frames << " new frames, first " << first);
        const int64_t plane = 4112;  // one block and one thread of another
        const auto bytes = [](size_t count, unsigned seed) {
          std::mt19937 generator(seed);
          std::vector<uint8_t> values(count);
          for (uint8_t& value : values) value = static_cast<uint8_t>(generator());
          return values;
        };
        DeviceArray<uint8_t> buffer(bytes(static_cast<size_t>((past + frames) * plane), 1)),
            cache(bytes(static_cast<size_t>(past * plane), 2));
        std::vector<uint8_t> buffer_ref = buffer.values(), cache_ref = cache.values();
        CausalCacheArgs args{.buffer = buffer.data(),
                             .cache = cache.data(),
                             .plane_bytes = plane,
                             .past = past,
                             .frames = frames,
                             .first = first};
        EXPECT_EQ(causal_cache_cuda_support(args).why, "");
        causal_cache_cuda(args, nullptr);
        args.buffer = buffer_ref.data();
        args.cache = cache_ref.data();
        causal_cache_ref(args);
        EXPECT_EQ(buffer.values(), buffer_ref);
        EXPECT_EQ(cache.values(), cache_ref);
      }
}

template <typename T>
class Int8Cuda : public testing::Test {};
using ShortElements = testing::Types<Bf16, Half>;
TYPED_TEST_SUITE(Int8Cuda, ShortElements);

TYPED_TEST(Int8Cuda, CentreIsTheSamplesMean) {
  using T = TypeParam;
  for (const int64_t tokens : {1, 70, 1030}) {
    Product<T> product{.heads = 3, .head_dim = 64, .tokens = tokens, .rows = 2 * tokens};
    DeviceArray<T> values(product.values, Access::read);
    DeviceArray<float> parts(std::vector<float>(static_cast<size_t>(2 * kCentreParts * product.width), NAN)),
        centre(std::vector<float>(static_cast<size_t>(2 * product.width), NAN));
    std::vector<float> centre_ref(centre.values().size());
    KeyCentreArgs<T> args{
        .key = product.args(values.data(), 1, true), .batch = 2, .parts = parts.data(), .centre = centre.data()};
    key_centre_cuda(args, nullptr);
    args.centre = centre_ref.data();
    key_centre_ref(args);
    expect_close(centre.values(), centre_ref);
  }
}

TYPED_TEST(Int8Cuda, RoundsToTheNearestOf255Steps) {
  using T = TypeParam;
  for (const auto& [heads, head_dim] : std::vector<std::pair<int64_t, int64_t>>{{3, 64}, {12, 128}})
    for (const bool centred : {false, true}) {
      SCOPED_TRACE(testing::Message() << heads << " heads of " << head_dim << " centred " << centred);
      Product<T> product{.heads = heads, .head_dim = head_dim, .tokens = 3, .rows = 6};
      std::fill_n(product.values.begin(), product.width, T{});  // a query of zeros has scale 0
      DeviceArray<T> values(product.values, Access::read);
      auto centre = lent_floats(static_cast<size_t>(2 * product.width), 9, 3.0f);
      const auto count = static_cast<size_t>(product.rows * product.width);
      const int64_t stride = 8;
      const auto scales = static_cast<size_t>(2 * heads * stride);
      struct Outputs {
        DeviceArray<int8_t> query, key;
        DeviceArray<Half> value;
        DeviceArray<float> query_scale, key_scale;
        Outputs(size_t count, size_t scales)
            : query(std::vector<int8_t>(count, 99)),
              key(std::vector<int8_t>(count, 99)),
              value(std::vector<Half>(count)),
              query_scale(std::vector<float>(scales, -1.0f)),
              key_scale(std::vector<float>(scales, -1.0f)) {}
      } actual(count, scales), expected(count, scales);
      const auto args = [&](Outputs& outputs) {
        return RmsRopeInt8Args<T>{.query = product.args(values.data(), 0, true),
                                  .key = product.args(values.data(), 1, true),
                                  .value = values.data() + 2 * product.width,
                                  .centre = centred ? centre.data() : nullptr,
                                  .query8 = outputs.query.data(),
                                  .key8 = outputs.key.data(),
                                  .value16 = outputs.value.data(),
                                  .query_scale = outputs.query_scale.data(),
                                  .key_scale = outputs.key_scale.data(),
                                  .scale_stride = stride};
      };
      EXPECT_EQ(rms_rope_int8_cuda_support(args(actual)).why, "");
      rms_rope_int8_cuda(args(actual), product.rows, nullptr);
      rms_rope_int8_ref(args(expected), product.rows);
      expect_close(actual.query_scale.values(), expected.query_scale.values());
      expect_close(actual.key_scale.values(), expected.key_scale.values());
      int unequal = 0;
      for (size_t i = 0; i < count; ++i) {
        ASSERT_EQ(actual.value.values()[i].bits, expected.value.values()[i].bits);
        // Float and double may fall on two sides of a tie; that is rare, and one step.
        ASSERT_LE(std::abs(actual.query.values()[i] - expected.query.values()[i]), 1);
        ASSERT_LE(std::abs(actual.key.values()[i] - expected.key.values()[i]), 1);
        unequal += actual.key.values()[i] != expected.key.values()[i];
      }
      EXPECT_LE(unequal, static_cast<int>(count / 1000));
    }
}

}  // namespace
}  // namespace soragen::kernels
