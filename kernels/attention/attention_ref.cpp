#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/element.h"

namespace soragen::kernels {
namespace {

template <typename T>
const T* row(const void* base, const Strides& strides, int batch, int token, int head) {
  return static_cast<const T*>(base) + batch * strides.batch + token * strides.token + head * strides.head;
}

template <typename T>
void one_query(const AttentionParams& p, int batch, int head, int query) {
  const T* q = row<T>(p.query, p.query_strides, batch, query, head);
  std::vector<double> weights(static_cast<size_t>(p.keys));
  double most = -std::numeric_limits<double>::infinity();
  for (int key = 0; key < p.keys; ++key) {
    const T* k = row<T>(p.key, p.key_strides, batch, key, head);
    double score = 0;
    for (int i = 0; i < p.head_dim; ++i) score += static_cast<double>(to_float(q[i])) * to_float(k[i]);
    score = score * p.scale + (p.key_bias ? p.key_bias[batch * p.bias_batch_stride + key] : 0.0f);
    weights[static_cast<size_t>(key)] = score;
    most = std::max(most, score);
  }
  const bool masked = std::isinf(most);  // every key by -infinity
  double sum = 0;
  for (double& weight : weights) sum += weight = masked ? 0 : std::exp(weight - most);
  std::vector<double> out(static_cast<size_t>(p.head_dim), 0.0);
  for (int key = 0; key < p.keys; ++key) {
    const T* v = row<T>(p.value, p.value_strides, batch, key, head);
    for (int i = 0; i < p.head_dim; ++i)
      out[static_cast<size_t>(i)] += weights[static_cast<size_t>(key)] * to_float(v[i]);
  }
  T* to = const_cast<T*>(row<T>(p.out, p.out_strides, batch, query, head));
  for (int i = 0; i < p.head_dim; ++i) store(static_cast<float>(masked ? 0 : out[static_cast<size_t>(i)] / sum), to[i]);
  if (p.log_sum_exp)
    p.log_sum_exp[(static_cast<int64_t>(batch) * p.heads + head) * p.queries + query] =
        static_cast<float>(most + std::log(sum));
}

template <typename T>
void every_query(const AttentionParams& p) {
  for (int batch = 0; batch < p.batch; ++batch)
    for (int head = 0; head < p.heads; ++head)
      for (int query = 0; query < p.queries; ++query) one_query<T>(p, batch, head, query);
}

}  // namespace

void attention_ref(const AttentionParams& params) {
  params.element == Element::bf16 ? every_query<Bf16>(params) : every_query<Half>(params);
}

}  // namespace soragen::kernels
