#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/attention/tiles.h"
#include "kernels/attention_int8/attention_int8.h"

namespace soragen::kernels {
namespace {

// The weights of 1 / 128 of the pairs.
constexpr int kQueryStep = kAttentionQueries / kBlockSamples, kKeyStep = kKeyBlock / kBlockSamples;

class Selection {
 public:
  Selection(const AttentionInt8Params& params, int row)
      : p_(params),
        width_(static_cast<int64_t>(p_.heads) * p_.head_dim),
        query_(p_.query + row / p_.heads * p_.queries * width_ + row % p_.heads * p_.head_dim),
        key_(p_.key + row / p_.heads * p_.keys * width_ + row % p_.heads * p_.head_dim),
        query_scale_(p_.query_scale + row * p_.query_scale_stride),
        key_scale_(p_.key_scale + row * p_.key_scale_stride) {}

  // The key blocks that a query block gives most weight to, by its samples, ascending.
  std::vector<int32_t> best(int query_block) const {
    std::vector<double> weights(static_cast<size_t>(blocks_of(p_.keys, kKeyBlock)), 0.0);
    const int first = query_block * kAttentionQueries, end = std::min(first + kAttentionQueries, p_.queries);
    for (int query = first; query < end; query += kQueryStep) add_weights(query, weights);
    std::vector<int32_t> order(weights.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return weights[static_cast<size_t>(a)] > weights[static_cast<size_t>(b)];
    });
    order.resize(static_cast<size_t>(p_.kept));
    std::sort(order.begin(), order.end());
    return order;
  }

 private:
  // One query's softmax over the sampled keys, summed by block. A sample stands for the keys up to the next.
  void add_weights(int query, std::vector<double>& weights) const {
    std::vector<double> scores;
    for (int key = 0; key < p_.keys; key += kKeyStep) scores.push_back(score(query, key));
    const double most = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (double& value : scores) sum += value = std::exp(value - most);
    for (size_t i = 0; i < scores.size(); ++i) {
      const int key = static_cast<int>(i) * kKeyStep, keys = std::min(kKeyStep, p_.keys - key);
      weights[static_cast<size_t>(key / kKeyBlock)] += scores[i] / sum * keys;
    }
  }

  double score(int query, int key) const {
    const int8_t* const q = query_ + query * width_;
    const int8_t* const k = key_ + key * width_;
    int32_t product = 0;
    for (int i = 0; i < p_.head_dim; ++i) product += q[i] * k[i];
    return static_cast<double>(product) * query_scale_[query] * key_scale_[key] * p_.scale;
  }

  const AttentionInt8Params& p_;
  int64_t width_;
  const int8_t *query_, *key_;
  const float *query_scale_, *key_scale_;
};

}  // namespace

void select_key_blocks(const AttentionInt8Params& params, int32_t* key_blocks) {
  for (int row = 0; row < params.batch * params.heads; ++row) {
    const Selection selection(params, row);
    for (int block = 0; block < blocks_of(params.queries, kAttentionQueries); ++block) {
      const std::vector<int32_t> chosen = selection.best(block);
      key_blocks = std::copy(chosen.begin(), chosen.end(), key_blocks);
    }
  }
}

}  // namespace soragen::kernels
