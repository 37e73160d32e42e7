// One block a row, which stays in registers between the statistics: every number is read and written once.
#include <math.h>

#include "kernels/device/numbers.h"
#include "kernels/layer_norm/layer_norm.h"

namespace soragen::kernels {
namespace {

template <typename T, int vectors>
__global__ void __launch_bounds__(kRowThreads, 4) layer_norm_kernel(const LayerNormArgs<T> args) {
  T* const row = args.x + block_x() * args.width;
  float x[vectors][kVector] = {};
  float sum = 0;
#pragma unroll
  for (int v = 0; v < vectors; ++v) {
    const int64_t column = row_column(v);
    if (column >= args.width) continue;
    load_numbers(row + column, x[v]);
    if (args.update) {
      float update[kVector], gate[kVector];
      load_numbers(args.update + block_x() * args.width + column, update);
      if (args.gate) load_numbers(args.gate + column, gate);
#pragma unroll
      for (int i = 0; i < kVector; ++i) x[v][i] += args.gate ? update[i] * gate[i] : update[i];
      store_numbers(row + column, x[v]);
    }
#pragma unroll
    for (int i = 0; i < kVector; ++i) sum += x[v][i];
  }
  if (!args.out) return;

  const float mean = block_sum(sum, shared_memory()) / static_cast<float>(args.width);
  float squares = 0;
#pragma unroll
  for (int v = 0; v < vectors; ++v)
#pragma unroll
    for (int i = 0; i < kVector; ++i)
      if (row_column(v) < args.width) squares += (x[v][i] - mean) * (x[v][i] - mean);
  squares = block_sum(squares, shared_memory() + sizeof(float) * kRowWarps);
  const float inverse = 1.0f / sqrtf(squares / static_cast<float>(args.width) + args.eps);

#pragma unroll
  for (int v = 0; v < vectors; ++v) {
    const int64_t column = row_column(v);
    if (column >= args.width) continue;
    float scale[kVector], shift[kVector];
    load_numbers(args.scale + column, scale);
    load_numbers(args.shift + column, shift);
#pragma unroll
    for (int i = 0; i < kVector; ++i) x[v][i] = (x[v][i] - mean) * inverse * scale[i] + shift[i];
    store_numbers(args.out + block_x() * args.width + column, x[v]);
  }
}

template <typename T>
void launch_rows(const LayerNormArgs<T>& args, int64_t rows, Stream stream) {
  const LaunchShape shape{
      .grid = {static_cast<int>(rows)}, .threads = kRowThreads, .shared_bytes = 2 * sizeof(float) * kRowWarps};
  dispatch_row_width(args.width, [&](auto vectors) { launch<layer_norm_kernel<T, vectors>>(shape, stream, args); });
}

}  // namespace

void layer_norm_cuda(const LayerNormArgs<float>& args, int64_t rows, Stream stream) { launch_rows(args, rows, stream); }
void layer_norm_cuda(const LayerNormArgs<Bf16>& args, int64_t rows, Stream stream) { launch_rows(args, rows, stream); }
void layer_norm_cuda(const LayerNormArgs<Half>& args, int64_t rows, Stream stream) { launch_rows(args, rows, stream); }

}  // namespace soragen::kernels
