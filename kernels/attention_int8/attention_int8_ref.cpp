#include <cmath>
#include <limits>
#include <vector>

#include "kernels/attention/tiles.h"
#include "kernels/attention_int8/attention_int8.h"

namespace soragen::kernels {
namespace {

int64_t row_offset(const AttentionInt8Params& p, int batch, int head, int tokens, int token) {
  return ((static_cast<int64_t>(batch) * tokens + token) * p.heads + head) * p.head_dim;
}

std::vector<int> attended_keys(const AttentionInt8Params& p, int batch, int head, int query) {
  std::vector<int> keys;
  const int query_blocks = blocks_of(p.queries, kAttentionQueries);
  const int blocks = p.key_blocks ? p.kept : blocks_of(p.keys, kKeyBlock);
  for (int i = 0; i < blocks; ++i) {
    const int64_t list = (static_cast<int64_t>(batch) * p.heads + head) * query_blocks + query / kAttentionQueries;
    const int block = p.key_blocks ? p.key_blocks[list * p.kept + i] : i;
    for (int key = block * kKeyBlock; key < std::min((block + 1) * kKeyBlock, p.keys); ++key) keys.push_back(key);
  }
  return keys;
}

double score(const AttentionInt8Params& p, int batch, int head, int query, int key) {
  const int8_t* q = p.query + row_offset(p, batch, head, p.queries, query);
  const int8_t* k = p.key + row_offset(p, batch, head, p.keys, key);
  int32_t product = 0;
  for (int i = 0; i < p.head_dim; ++i) product += q[i] * k[i];
  const int64_t row = static_cast<int64_t>(batch) * p.heads + head;
  return static_cast<double>(product) * p.query_scale[row * p.query_scale_stride + query] *
             p.key_scale[row * p.key_scale_stride + key] * p.scale +
         (p.key_bias ? p.key_bias[key] : 0.0f);
}

template <typename T>
void one_query(const AttentionInt8Params& p, int batch, int head, int query) {
  const std::vector<int> keys = attended_keys(p, batch, head, query);
  std::vector<double> weights, out(static_cast<size_t>(p.head_dim), 0.0);
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  for (const int key : keys) most = std::max(most, weights.emplace_back(score(p, batch, head, query, key)));
  const bool masked = std::isinf(most);
  for (size_t j = 0; j < keys.size(); ++j) {
    const double weight = masked ? 0 : std::exp(weights[j] - most);
    sum += weight;
    const Half* v = p.value + row_offset(p, batch, head, p.keys, keys[j]);
    for (int i = 0; i < p.head_dim; ++i) out[static_cast<size_t>(i)] += weight * to_float(v[i]);
  }
  T* to =
      static_cast<T*>(p.out) + batch * p.out_strides.batch + query * p.out_strides.token + head * p.out_strides.head;
  for (int i = 0; i < p.head_dim; ++i) store(static_cast<float>(masked ? 0 : out[static_cast<size_t>(i)] / sum), to[i]);
}

}  // namespace

void attention_int8_ref(const AttentionInt8Params& p) {
  for (int batch = 0; batch < p.batch; ++batch)
    for (int head = 0; head < p.heads; ++head)
      for (int query = 0; query < p.queries; ++query)
        p.element == Element::bf16 ? one_query<Bf16>(p, batch, head, query) : one_query<Half>(p, batch, head, query);
}

}  // namespace soragen::kernels
