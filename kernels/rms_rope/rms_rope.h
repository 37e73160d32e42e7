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

#include "kernels/device/launch_shape.h"
#include "kernels/element.h"
#include "kernels/support.h"

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
void rms_rope_ref(const RmsRopeArgs<Half>& args, int64_t begin, int64_t end);

// On a CUDA device, whose memory all pointers are: `rows` rows of one matrix, or of two of equal width
// (queries and keys) in one launch.
template <typename T>
Support rms_rope_cuda_support(const RmsRopeArgs<T>& args) {
  if (args.head_dim % 8 != 0 || args.stride % 8 != 0)
    return {"heads of " + std::to_string(args.head_dim) + " numbers, rows " + std::to_string(args.stride) +
            " apart; multiples of 8 are valid"};
  return vectors_support(args.heads * args.head_dim, 8192, {args.x, args.weight, args.cos, args.sin});
}
void rms_rope_cuda(const RmsRopeArgs<float>& first, const RmsRopeArgs<float>* second, int64_t rows, Stream stream);
void rms_rope_cuda(const RmsRopeArgs<Bf16>& first, const RmsRopeArgs<Bf16>* second, int64_t rows, Stream stream);
void rms_rope_cuda(const RmsRopeArgs<Half>& first, const RmsRopeArgs<Half>* second, int64_t rows, Stream stream);

}  // namespace soragen::kernels
