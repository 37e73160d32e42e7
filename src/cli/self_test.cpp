#include "cli/self_test.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "kernels/layer_norm/layer_norm.h"
#include "kernels/rms_rope/rms_rope.h"
#include "kernels/rms_silu/rms_silu.h"

namespace soragen::cli {
namespace {

using kernels::Bf16;

constexpr int64_t kRows = 7, kHeads = 4, kHeadDim = 64, kWidth = kHeads * kHeadDim;

// Rounding of float32 alone: a sum of kWidth terms in kLanes partial sums, the sum of those, and some ten
// operations around it, each 2^-24 at most. A bf16 result may round the other way besides: one ulp, 2^-7.
constexpr double kFloatError = (static_cast<double>(kWidth) / kernels::kLanes + kernels::kLanes + 10) / (1 << 24);
constexpr double allowed_error(float) { return kFloatError; }
constexpr double allowed_error(Bf16) { return kFloatError + 1.0 / (1 << 7); }

template <typename T>
std::vector<T> random_values(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<T> values(count);
  for (T& value : values) kernels::store(normal(generator), value);
  return values;
}

// The largest difference against what the largest value allows; NaN anywhere fails.
template <typename T>
double compare(const std::vector<T>& found, const std::vector<T>& expected) {
  double difference = 0, largest = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double error = std::abs(static_cast<double>(kernels::to_float(found[i])) -
                                  static_cast<double>(kernels::to_float(expected[i])));
    if (!(error < INFINITY)) return INFINITY;
    difference = std::max(difference, error);
    largest = std::max(largest, std::abs(static_cast<double>(kernels::to_float(expected[i]))));
  }
  return difference / (largest * allowed_error(T{}));
}

template <typename T>
double test_layer_norm() {
  std::vector<T> x = random_values<T>(kRows * kWidth, 1), found(x.size()), expected(x.size());
  const std::vector<float> scale = random_values<float>(kWidth, 2), shift = random_values<float>(kWidth, 3);
  kernels::LayerNormArgs<T> args{
      .x = x.data(), .scale = scale.data(), .shift = shift.data(), .out = found.data(), .width = kWidth, .eps = 1e-6f};
  kernels::layer_norm(args, 0, kRows);
  args.out = expected.data();
  kernels::layer_norm_ref(args, 0, kRows);
  return compare(found, expected);
}

template <typename T>
double test_rms_rope() {
  std::vector<T> found = random_values<T>(kRows * kWidth, 4), expected = found;
  const std::vector<float> weight = random_values<float>(kWidth, 5),
                           angles = random_values<float>(kRows * kHeadDim / 2, 6);
  std::vector<float> cos(angles), sin(angles);
  for (float& value : cos) value = std::cos(value);
  for (float& value : sin) value = std::sin(value);
  kernels::RmsRopeArgs<T> args{.x = found.data(),
                               .stride = kWidth,
                               .weight = weight.data(),
                               .cos = cos.data(),
                               .sin = sin.data(),
                               .tokens = kRows,
                               .heads = kHeads,
                               .head_dim = kHeadDim,
                               .eps = 1e-6f};
  kernels::rms_rope(args, 0, kRows);
  args.x = expected.data();
  kernels::rms_rope_ref(args, 0, kRows);
  return compare(found, expected);
}

template <typename T>
double test_rms_silu() {
  const std::vector<T> x = random_values<T>(kRows * kWidth, 7);
  const std::vector<float> gamma = random_values<float>(kWidth, 8);
  std::vector<T> found(x.size()), expected(x.size());
  kernels::RmsSiluArgs<T> args{.x = x.data(), .gamma = gamma.data(), .out = found.data(), .channels = kWidth};
  kernels::rms_silu(args, 0, kRows);
  args.out = expected.data();
  kernels::rms_silu_ref(args, 0, kRows);
  return compare(found, expected);
}

}  // namespace

std::vector<SelfTest> run_self_tests() {
  return {{"layer_norm fp32", test_layer_norm<float>()}, {"layer_norm bf16", test_layer_norm<Bf16>()},
          {"rms_rope fp32", test_rms_rope<float>()},     {"rms_rope bf16", test_rms_rope<Bf16>()},
          {"rms_silu fp32", test_rms_silu<float>()},     {"rms_silu bf16", test_rms_silu<Bf16>()}};
}

}  // namespace soragen::cli
