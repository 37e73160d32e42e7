// softmax(q k^T / sqrt(D) + bias) v, no mask, not causal.
#pragma once

#include <ATen/core/Tensor.h>

namespace soragen::ops {

struct AttentionArgs {
  at::Tensor query;     // [B, L, N, D], views allowed while D is dense
  at::Tensor key;       // [B, S, N, D]
  at::Tensor value;     // [B, S, N, D]
  at::Tensor key_bias;  // [S] float32 added to the score of each key, or undefined
};

at::Tensor attention(const AttentionArgs& args);  // -> [B, L, N * D], dense

}  // namespace soragen::ops
