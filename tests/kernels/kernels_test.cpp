// Every CPU kernel against its specification in plain loops, over odd sizes and both element types.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "kernels/layer_norm/layer_norm.h"
#include "kernels/rms_rope/rms_rope.h"
#include "kernels/rms_silu/rms_silu.h"
#include "kernels/winograd/winograd.h"

namespace soragen::kernels {
namespace {

std::vector<float> random_floats(size_t count, float scale = 1.0f, unsigned seed = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

template <typename T>
std::vector<T> as(const std::vector<float>& values) {
  std::vector<T> result(values.size());
  for (size_t i = 0; i < values.size(); ++i) store(values[i], result[i]);
  return result;
}

// Both round the same sums once to T; they differ by the order of float additions: a few ulp of float for
// float, at most one last place of bf16.
template <typename T>
void expect_close(const std::vector<T>& actual, const std::vector<T>& expected) {
  const double relative = sizeof(T) == 4 ? 16 * 0x1p-23 : 0x1p-7;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double a = to_float(actual[i]), e = to_float(expected[i]);
    ASSERT_NEAR(a, e, relative * (std::abs(e) + 0.1)) << "at " << i;
  }
}

const std::vector<int64_t> kWidths = {1, 2, 15, 16, 17, 96, 131, 1536};

template <typename T>
class Kernels : public testing::Test {};
using Elements = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(Kernels, Elements);

TYPED_TEST(Kernels, LayerNormEqualsItsSpecification) {
  using T = TypeParam;
  for (const int64_t width : kWidths)
    for (const bool has_update : {false, true})
      for (const bool has_gate : {false, true}) {
        SCOPED_TRACE(testing::Message() << "width " << width << " update " << has_update << " gate " << has_gate);
        const int64_t rows = 3;
        const auto gate = random_floats(width, 1, 2), scale = random_floats(width, 1, 3),
                   shift = random_floats(width, 1, 4);
        const auto update = as<T>(random_floats(rows * width, 1, 5));
        auto x = as<T>(random_floats(rows * width)), x_ref = x;
        std::vector<T> out(x.size()), out_ref(x.size());
        LayerNormArgs<T> args{.x = x.data(),
                              .update = has_update ? update.data() : nullptr,
                              .gate = has_gate ? gate.data() : nullptr,
                              .scale = scale.data(),
                              .shift = shift.data(),
                              .out = out.data(),
                              .width = width,
                              .eps = 1e-6f};
        layer_norm(args, 0, rows);
        args.x = x_ref.data();
        args.out = out_ref.data();
        layer_norm_ref(args, 0, rows);
        expect_close(x, x_ref);
        if (width > 2) expect_close(out, out_ref);  // one or two numbers normalise to a sign, whatever their rounding
      }
}

TYPED_TEST(Kernels, RmsRopeEqualsItsSpecification) {
  using T = TypeParam;
  for (const int64_t head_dim : {2, 6, 32, 62, 128})
    for (const int64_t heads : {1, 3})
      for (const bool rotates : {false, true}) {
        SCOPED_TRACE(testing::Message() << "head_dim " << head_dim << " heads " << heads << " rotates " << rotates);
        const int64_t tokens = 5, rows = 2 * tokens, width = heads * head_dim, stride = 3 * width;
        const auto weight = random_floats(width, 1, 2), cos = random_floats(tokens * head_dim / 2, 1, 3),
                   sin = random_floats(tokens * head_dim / 2, 1, 4);
        auto x = as<T>(random_floats(rows * stride)), x_ref = x;
        RmsRopeArgs<T> args{.x = x.data(),
                            .stride = stride,
                            .weight = weight.data(),
                            .cos = rotates ? cos.data() : nullptr,
                            .sin = rotates ? sin.data() : nullptr,
                            .tokens = tokens,
                            .heads = heads,
                            .head_dim = head_dim,
                            .eps = 1e-6f};
        rms_rope(args, 0, rows);
        args.x = x_ref.data();
        rms_rope_ref(args, 0, rows);
        expect_close(x, x_ref);
      }
}

TYPED_TEST(Kernels, RmsSiluEqualsItsSpecification) {
  using T = TypeParam;
  for (const int64_t channels : kWidths)
    for (const float scale : {0.0f, 1e-3f, 1.0f, 300.0f})
      for (const bool silu : {false, true}) {
        SCOPED_TRACE(testing::Message() << "channels " << channels << " scale " << scale << " silu " << silu);
        const int64_t pixels = 3;
        const auto gamma = random_floats(channels, 4, 2);
        const auto x = as<T>(random_floats(pixels * channels, scale));
        std::vector<T> out(x.size()), out_ref(x.size());
        RmsSiluArgs<T> args{
            .x = x.data(), .gamma = gamma.data(), .out = out.data(), .channels = channels, .silu = silu};
        rms_silu(args, 0, pixels);
        args.out = out_ref.data();
        rms_silu_ref(args, 0, pixels);
        expect_close(out, out_ref);
      }
}

TEST(Bf16, RoundsToNearestEvenAndKeepsNan) {
  const auto rounded = [](float x) {
    Bf16 out;
    store(x, out);
    return to_float(out);
  };
  EXPECT_EQ(rounded(1.0f + 0x1p-8f), 1.0f);  // a tie goes to even
  EXPECT_EQ(rounded(1.0f + 0x1p-7f + 0x1p-8f), 1.0f + 0x1p-6f);
  EXPECT_TRUE(std::isnan(rounded(std::nanf(""))));
  EXPECT_TRUE(std::isinf(rounded(3.4e38f)));
}

TEST(Winograd, EqualsTheThreeTapFilter) {
  for (const int outputs : {2, 4}) {
    const int64_t size = 37, frames = outputs + 2, channels = 1;
    const auto input = random_floats(static_cast<size_t>(frames * size));
    const double tap[3] = {0.3, -1.1, 0.7};
    const float bias = 0.25f;
    std::vector<std::vector<float>> transformed(static_cast<size_t>(frames), std::vector<float>(size));
    WinogradInputArgs in{.outputs = outputs, .frames = input.data(), .frame_stride = size};
    for (int j = 0; j < frames; ++j) in.transformed[j] = transformed[static_cast<size_t>(j)].data();
    winograd_input(in, 0, size);
    WinogradOutputArgs out{.outputs = outputs, .bias = &bias, .frame_stride = size, .channels = channels};
    for (int j = 0; j < frames; ++j) {
      const double* row = winograd_filter_rows(outputs)[j];
      for (float& value : transformed[static_cast<size_t>(j)])
        value *= static_cast<float>(row[0] * tap[0] + row[1] * tap[1] + row[2] * tap[2]);
      out.products[j] = transformed[static_cast<size_t>(j)].data();
    }
    std::vector<float> result(static_cast<size_t>(outputs * size));
    out.frames = result.data();
    winograd_output(out, 0, size);
    for (int64_t t = 0; t < outputs; ++t)
      for (int64_t i = 0; i < size; ++i) {
        double expected = bias;
        for (int k = 0; k < 3; ++k) expected += tap[k] * input[static_cast<size_t>((t + k) * size + i)];
        ASSERT_NEAR(result[static_cast<size_t>(t * size + i)], expected, 64 * 0x1p-23)
            << outputs << " outputs, frame " << t;
      }
  }
}

}  // namespace
}  // namespace soragen::kernels
