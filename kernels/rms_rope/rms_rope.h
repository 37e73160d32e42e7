// RMS norm of a query or key row over all heads, then rotary embedding, in place, one pass:
//
//   x   <- x / sqrt(mean(x^2) + eps) * weight                  over `heads * head_dim`
//   (x[2i], x[2i+1]) <- rotation by the angle i of the row's token, in every head
//
// Rows may be strided: the query, key and value of a token stand side by side in one product. Pairs are
// neighbours (2i, 2i+1), not halves. cos and sin are [tokens, head_dim / 2]; null means no rotation
// (cross-attention). Row r belongs to token r % tokens (the guidance branches follow each other).
#pragma once

#include <cstdint>

#include "kernels/element.h"

namespace soragen::kernels {

template <typename T>
struct RmsRopeArgs {
  T* x = nullptr;  // row r at x + r * stride
  int64_t stride = 0;
  const float* weight = nullptr;  // [heads * head_dim]
  const float* cos = nullptr;
  const float* sin = nullptr;
  int64_t tokens = 1;
  int64_t heads = 0;
  int64_t head_dim = 0;  // even
  float eps = 0;
};

void rms_rope(const RmsRopeArgs<float>& args, int64_t begin, int64_t end);
void rms_rope(const RmsRopeArgs<Bf16>& args, int64_t begin, int64_t end);

void rms_rope_ref(const RmsRopeArgs<float>& args, int64_t begin, int64_t end);
void rms_rope_ref(const RmsRopeArgs<Bf16>& args, int64_t begin, int64_t end);

}  // namespace soragen::kernels
