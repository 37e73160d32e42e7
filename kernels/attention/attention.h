// out = softmax(q k^T * scale + key_bias) v per batch item and head, exact, not causal, no matrix mask.
//
// q and out are [B, L, N, D] and k, v are [B, S, N, D] by strides, D dense; key_bias is one row for all
// queries; log_sum_exp is the natural logarithm of the softmax's denominator, for merging partial results.
// Numbers of 16 bits in and out; scores, maxima and sums are float; the weights are rounded to the element
// type before they meet v, as in every flash attention. A query whose keys are all masked by a bias of
// -infinity gets zeros, and -infinity as its log_sum_exp. Easy to get wrong: key_bias is added after the
// scale, in natural units (log n for n equal keys).
#pragma once

#include <cstdint>

#include "kernels/device/launch_shape.h"
#include "kernels/support.h"

namespace soragen::kernels {

enum class Element { bf16, half };

struct Strides {  // in elements
  int64_t batch = 0, token = 0, head = 0;
};

struct AttentionParams {
  const void* query = nullptr;
  const void* key = nullptr;
  const void* value = nullptr;
  void* out = nullptr;
  Strides query_strides, key_strides, value_strides, out_strides;
  const float* key_bias = nullptr;  // [B, S] with bias_batch_stride, or [S] with 0; null: none
  int64_t bias_batch_stride = 0;
  float* log_sum_exp = nullptr;  // [B, N, L] or null
  int batch = 0, heads = 0, queries = 0, keys = 0, head_dim = 0;
  Element element = Element::bf16;
  float scale = 0;  // above 0
};

// What the kernels ask of a card.
struct Card {
  int capability = 0;  // 80, 86, 89, 90, 120
  int shared_bytes_per_block = 0;
  int shared_bytes_per_multiprocessor = 0;
};

// mma.sync and cp.async, sm_80 and newer.
Support attention_sm80_support(const AttentionParams& params, const Card& card);
void attention_sm80(const AttentionParams& params, const Card& card, Stream stream);

// wgmma and bulk tensor copies, sm_90a alone.
Support attention_sm90_card_support(const Card& card);
Support attention_sm90_support(const AttentionParams& params, const Card& card);
void attention_sm90(const AttentionParams& params, const Card& card, Stream stream);

// The specification: plain loops, double sums. Host memory.
void attention_ref(const AttentionParams& params);

}  // namespace soragen::kernels
