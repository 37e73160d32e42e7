// One attention problem for the kernels' tests: inputs as views of one [B, L, 3, N, D] product where lengths
// allow, a poisoned output, and the bound within which a kernel must meet the specification.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/attention/attention.h"
#include "tests/kernels/device_memory.h"

namespace soragen::kernels {

struct AttentionShape {
  int queries = 1, keys = 1, head_dim = 64, heads = 1, batch = 1;
};

// What a query's head row and its keys' rows allow a kernel to miss, relative to the weighted sum of |v|.
struct AttentionErrors {
  double weight = 0;  // of a softmax weight, relative
  double unit = 0;    // of the element type: half its last place
  double least = 0;   // half its smallest step
};

template <typename T>
constexpr AttentionErrors element_errors() {
  if constexpr (std::is_same_v<T, Half>) return {.unit = 0x1p-11, .least = 0x1p-25};
  return {.unit = 0x1p-8, .least = 0x1p-134};
}

template <typename T>
struct AttentionCase {
  AttentionShape shape;
  std::vector<T> query, key, value;  // [B, L, N, D] each, inside a product of three
  std::vector<float> bias;           // [keys] or empty
  static constexpr int kProduct = 3;

  explicit AttentionCase(const AttentionShape& s, unsigned seed = 1, float scale = 1.0f)
      : shape(s),
        query(rounded<T>(normal_floats(rows(s.queries), seed, scale))),
        key(rounded<T>(normal_floats(rows(s.keys), seed + 1, scale))),
        value(rounded<T>(normal_floats(rows(s.keys), seed + 2))) {}

  size_t rows(int tokens) const {
    return static_cast<size_t>(shape.batch) * static_cast<size_t>(tokens * kProduct * shape.heads * shape.head_dim);
  }
  Strides strides(int tokens) const {
    const int64_t token = static_cast<int64_t>(kProduct) * shape.heads * shape.head_dim;
    return {.batch = tokens * token, .token = token, .head = shape.head_dim};
  }
  size_t statistics_count() const { return static_cast<size_t>(shape.batch * shape.heads * shape.queries); }

  AttentionParams params() const {
    return {.query = query.data(),
            .key = key.data(),
            .value = value.data(),
            .query_strides = strides(shape.queries),
            .key_strides = strides(shape.keys),
            .value_strides = strides(shape.keys),
            .out_strides = strides(shape.queries),
            .key_bias = bias.empty() ? nullptr : bias.data(),
            .batch = shape.batch,
            .heads = shape.heads,
            .queries = shape.queries,
            .keys = shape.keys,
            .head_dim = shape.head_dim,
            .element = std::is_same_v<T, Half> ? Element::half : Element::bf16,
            .scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim))};
  }
};

struct AttentionResult {
  std::vector<float> out;          // [B, L, 3, N, D], only the first third written
  std::vector<float> log_sum_exp;  // [B, N, L]
};

constexpr float kPoison = -768.0f;  // exact in every element type

template <typename T>
AttentionResult attention_specification(const AttentionCase<T>& problem) {
  std::vector<T> out(problem.query.size());
  for (T& value : out) store(kPoison, value);
  AttentionResult result{.log_sum_exp = std::vector<float>(problem.statistics_count())};
  AttentionParams params = problem.params();
  params.out = out.data();
  params.log_sum_exp = result.log_sum_exp.data();
  attention_ref(params);
  for (const T& value : out) result.out.push_back(to_float(value));
  return result;
}

// The weighted sum of |v|: what every rounding of a weight is multiplied with.
template <typename T>
AttentionResult attention_magnitude(AttentionCase<T> problem) {
  for (T& value : problem.value) store(std::abs(to_float(value)), value);
  return attention_specification(problem);
}

// A dot product of D terms in float misses by up to D units times the sum of the terms' magnitudes, which
// the norms bound; so does the weight it is the logarithm of, relatively.
template <typename T>
double score_error(const AttentionCase<T>& problem) {
  const auto longest = [&](const std::vector<T>& values) {
    double most = 0;
    for (size_t i = 0; i < values.size(); i += static_cast<size_t>(problem.shape.head_dim)) {
      double squares = 0;
      for (int j = 0; j < problem.shape.head_dim; ++j)
        squares += std::pow(to_float(values[i + static_cast<size_t>(j)]), 2);
      most = std::max(most, std::sqrt(squares));
    }
    return most;
  };
  double bias = 0;
  for (const float value : problem.bias)
    if (std::isfinite(value)) bias = std::max(bias, std::abs(static_cast<double>(value)));
  const double most_score = longest(problem.query) * longest(problem.key) * problem.params().scale;
  // The terms' sum, then four roundings of the score on its way into the exponent.
  return (problem.shape.head_dim * most_score + 4 * (most_score + bias)) * 0x1p-24;
}

// out within: the weights' own error, their rounding to T, the float sums over the keys, and two roundings of
// the result to T (the kernel's and the specification's).
template <typename T>
void expect_attention(const AttentionCase<T>& problem, const AttentionResult& actual) {
  const AttentionErrors element = element_errors<T>();
  const double score = score_error(problem), sums = problem.shape.keys * 0x1p-24, exponential = 0x1p-22;
  const double weight = 2 * (score + exponential + sums) + element.unit;
  const AttentionResult expected = attention_specification(problem), magnitude = attention_magnitude(problem);
  double values = 0;
  for (const T& value : problem.value) values = std::max(values, std::abs(static_cast<double>(to_float(value))));
  for (size_t i = 0; i < expected.out.size(); ++i) {
    const double bound = weight * magnitude.out[i] * (1 + 2 * element.unit) +
                         2 * element.unit * std::abs(expected.out[i]) +
                         element.least * (2 + problem.shape.keys * values);
    if (expected.out[i] == kPoison) {
      ASSERT_EQ(actual.out[i], kPoison) << "outside the rows, at " << i;
      continue;
    }
    ASSERT_NEAR(actual.out[i], expected.out[i], bound) << "at " << i;
  }
  for (size_t i = 0; i < actual.log_sum_exp.size(); ++i) {
    const double e = expected.log_sum_exp[i];
    if (std::isinf(e)) {
      ASSERT_EQ(actual.log_sum_exp[i], e);
    } else {
      ASSERT_NEAR(actual.log_sum_exp[i], e, score + exponential + sums + 4 * 0x1p-24 * (std::abs(e) + 1)) << "at " << i;
    }
  }
}

}  // namespace soragen::kernels
