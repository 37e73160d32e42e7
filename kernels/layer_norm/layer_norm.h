// The residual stream's step between two layers of a transformer block, one pass over memory:
//
//   x   <- x + update * gate          (skipped without an update; gate 1 without a gate)
//   out <- (x - mean) / sqrt(var + eps) * scale + shift
//
// per row over `width`. scale and shift are float vectors shared by all rows: 1 + modulation and
// modulation, or an affine norm's weight and bias. Statistics are float; x is rounded to its type before
// they are taken, as the reference does. Easy to get wrong: var is biased (divided by width).
#pragma once

#include <cstdint>

#include "kernels/device/launch_shape.h"
#include "kernels/element.h"
#include "kernels/support.h"

namespace soragen::kernels {

template <typename T>
struct LayerNormArgs {
  T* x = nullptr;                // [rows, width], updated in place
  const T* update = nullptr;     // [rows, width] or null
  const float* gate = nullptr;   // [width] or null
  const float* scale = nullptr;  // [width]
  const float* shift = nullptr;  // [width]
  T* out = nullptr;              // [rows, width]; null: only the update
  int64_t width = 0;
  float eps = 0;
};

// Rows [begin, end). The caller splits rows over threads.
void layer_norm(const LayerNormArgs<float>& args, int64_t begin, int64_t end);
void layer_norm(const LayerNormArgs<Bf16>& args, int64_t begin, int64_t end);

// The specification: plain loops, double sums.
void layer_norm_ref(const LayerNormArgs<float>& args, int64_t begin, int64_t end);
void layer_norm_ref(const LayerNormArgs<Bf16>& args, int64_t begin, int64_t end);
void layer_norm_ref(const LayerNormArgs<Half>& args, int64_t begin, int64_t end);

// On a CUDA device, whose memory all pointers are.
template <typename T>
Support layer_norm_cuda_support(const LayerNormArgs<T>& args) {
  return vectors_support(args.width, 8192, {args.x, args.update, args.gate, args.scale, args.shift, args.out});
}
void layer_norm_cuda(const LayerNormArgs<float>& args, int64_t rows, Stream stream);
void layer_norm_cuda(const LayerNormArgs<Bf16>& args, int64_t rows, Stream stream);
void layer_norm_cuda(const LayerNormArgs<Half>& args, int64_t rows, Stream stream);

}  // namespace soragen::kernels
