// One row of rms_rope on the device, normalised and rotated, in the registers of a block of kRowThreads.
#pragma once

#include <math.h>

#include "kernels/device/numbers.h"
#include "kernels/rms_rope/rms_rope.h"

namespace soragen::kernels {

// x[v] holds the eight numbers at row_column(v), zeros past the width. `slots`: kRowWarps floats of shared
// memory that nothing else uses.
template <typename T, int vectors>
__device__ __forceinline__ void rms_rope_row(const RmsRopeArgs<T>& args, int64_t row, uint32_t slots,
                                             float (&x)[vectors][kVector]) {
  const int64_t width = args.heads * args.head_dim;
  float squares = 0;
#pragma unroll
  for (int v = 0; v < vectors; ++v) {
#pragma unroll
    for (int i = 0; i < kVector; ++i) x[v][i] = 0;
    if (row_column(v) < width) load_numbers(args.x + row * args.stride + row_column(v), x[v]);
#pragma unroll
    for (int i = 0; i < kVector; ++i) squares += x[v][i] * x[v][i];
  }
  squares = block_sum(squares, slots);
  const float inverse = 1.0f / sqrtf(squares / static_cast<float>(width) + args.eps);
  const int64_t angles = row % args.tokens * (args.head_dim / 2);
#pragma unroll
  for (int v = 0; v < vectors; ++v) {
    const int64_t column = row_column(v);
    if (column >= width) continue;
    float weight[kVector];
    load_numbers(args.weight + column, weight);
#pragma unroll
    for (int i = 0; i < kVector; ++i) x[v][i] *= inverse * weight[i];
    if (!args.cos) continue;
    const int64_t first = angles + column % args.head_dim / 2;  // a vector never crosses a head
    const Float4 cos = load_global<Float4>(args.cos + first), sin = load_global<Float4>(args.sin + first);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float even = x[v][2 * i], odd = x[v][2 * i + 1];
      x[v][2 * i] = even * cos.x[i] - odd * sin.x[i];
      x[v][2 * i + 1] = even * sin.x[i] + odd * cos.x[i];
    }
  }
}

}  // namespace soragen::kernels
