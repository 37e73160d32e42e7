// One block a row of queries, keys or values (the grid's second side), read once and written once.
#include "kernels/rms_rope_int8/rms_rope_int8.h"

#include "kernels/rms_rope/rms_rope_row.cuh"

namespace soragen::kernels {
namespace {

struct Int8Rows {
  int8_t* out;
  float* scale;
};

// Rounds one vector of a row, and lets the first lane of a head store the head's scale.
template <typename T>
__device__ __forceinline__ void quantise_vector(const RmsRopeArgs<T>& rows, const Int8Rows& to,
                                                const float (&x)[kVector], int64_t column, int64_t scale_stride) {
  float most = 0;
#pragma unroll
  for (int i = 0; i < kVector; ++i) most = fmaxf(most, fabsf(x[i]));
  most = lanes_maximum(most, static_cast<int>(rows.head_dim / kVector));  // of the lanes that share a head
  const int64_t width = rows.heads * rows.head_dim;
  if (column >= width) return;
  const float inverse = most > 0 ? 127.0f / most : 0.0f;
  Words<2> words = {};
#pragma unroll
  for (int i = 0; i < kVector; ++i)
    words.word[i / 4] |= (static_cast<uint32_t>(static_cast<int32_t>(rintf(x[i] * inverse))) & 0xFFu) << (i % 4 * 8);
  store_global(to.out + block_x() * width + column, words);
  if (column % rows.head_dim == 0) {
    const int64_t head = block_x() / rows.tokens * rows.heads + column / rows.head_dim;
    store_global(to.scale + head * scale_stride + block_x() % rows.tokens, most / 127.0f);
  }
}

template <typename T, int vectors>
__global__ void __launch_bounds__(kRowThreads, 4) rms_rope_int8_kernel(const RmsRopeInt8Args<T> args) {
  const int64_t width = args.query.heads * args.query.head_dim;
  float x[vectors][kVector];
  if (block_y() == 2) {
#pragma unroll
    for (int v = 0; v < vectors; ++v) {
      if (row_column(v) >= width) continue;
      load_numbers(args.value + block_x() * args.query.stride + row_column(v), x[v]);
      store_numbers(args.value16 + block_x() * width + row_column(v), x[v]);
    }
    return;
  }
  const bool is_key = block_y() == 1;
  const RmsRopeArgs<T>& rows = is_key ? args.key : args.query;
  rms_rope_row<T, vectors>(rows, block_x(), shared_memory(), x);
  const Int8Rows to = is_key ? Int8Rows{args.key8, args.key_scale} : Int8Rows{args.query8, args.query_scale};
#pragma unroll
  for (int v = 0; v < vectors; ++v) {
    if (is_key && args.centre && row_column(v) < width) {
      float centre[kVector];
      load_numbers(args.centre + block_x() / rows.tokens * width + row_column(v), centre);
#pragma unroll
      for (int i = 0; i < kVector; ++i) x[v][i] -= centre[i];
    }
    quantise_vector(rows, to, x[v], row_column(v), args.scale_stride);
  }
}

// Sums every kCentreParts-th sample: block x is the part, y the batch item.
template <typename T, int vectors>
__global__ void __launch_bounds__(kRowThreads, 2) centre_parts_kernel(const KeyCentreArgs<T> args, int64_t step) {
  const int64_t width = args.key.heads * args.key.head_dim;
  float sums[vectors][kVector] = {};
  for (int64_t token = block_x() * step; token < args.key.tokens; token += kCentreParts * step) {
    float x[vectors][kVector];
    rms_rope_row<T, vectors>(args.key, block_y() * args.key.tokens + token, shared_memory(), x);
#pragma unroll
    for (int v = 0; v < vectors; ++v)
#pragma unroll
      for (int i = 0; i < kVector; ++i) sums[v][i] += x[v][i];
    sync_block();  // the row's shared sums are used again
  }
#pragma unroll
  for (int v = 0; v < vectors; ++v)
    if (row_column(v) < width)
      store_numbers(args.parts + (block_y() * kCentreParts + block_x()) * width + row_column(v), sums[v]);
}

template <typename T>
__global__ void __launch_bounds__(kRowThreads) centre_kernel(const KeyCentreArgs<T> args, int64_t step) {
  const int64_t width = args.key.heads * args.key.head_dim;
  const int64_t column = static_cast<int64_t>(block_x()) * kRowThreads + thread_index();
  if (column >= width) return;
  float sum = 0;
  for (int64_t part = 0; part < kCentreParts; ++part)
    sum += load_global<float>(args.parts + (block_y() * kCentreParts + part) * width + column);
  const auto samples = static_cast<float>((args.key.tokens + step - 1) / step);
  store_global(args.centre + block_y() * width + column, sum / samples);
}

constexpr size_t kRowShared = sizeof(float) * kRowWarps;

template <typename T>
void launch_centre(const KeyCentreArgs<T>& args, Stream stream) {
  const int64_t width = args.key.heads * args.key.head_dim;
  const int64_t step = centre_step(args.key.tokens);
  const int batch = static_cast<int>(args.batch);
  dispatch_row_width(width, [&](auto vectors) {
    launch<centre_parts_kernel<T, vectors>>(
        {.grid = {kCentreParts, batch}, .threads = kRowThreads, .shared_bytes = kRowShared}, stream, args, step);
  });
  launch<centre_kernel<T>>(
      {.grid = {static_cast<int>((width + kRowThreads - 1) / kRowThreads), batch}, .threads = kRowThreads}, stream,
      args, step);
}

template <typename T>
void launch_rows(const RmsRopeInt8Args<T>& args, int64_t rows, Stream stream) {
  const LaunchShape shape{.grid = {static_cast<int>(rows), 3}, .threads = kRowThreads, .shared_bytes = kRowShared};
  dispatch_row_width(args.query.heads * args.query.head_dim,
                     [&](auto vectors) { launch<rms_rope_int8_kernel<T, vectors>>(shape, stream, args); });
}

}  // namespace

void key_centre_cuda(const KeyCentreArgs<Bf16>& args, Stream stream) { launch_centre(args, stream); }
void key_centre_cuda(const KeyCentreArgs<Half>& args, Stream stream) { launch_centre(args, stream); }
void rms_rope_int8_cuda(const RmsRopeInt8Args<Bf16>& args, int64_t rows, Stream stream) {
  launch_rows(args, rows, stream);
}
void rms_rope_int8_cuda(const RmsRopeInt8Args<Half>& args, int64_t rows, Stream stream) {
  launch_rows(args, rows, stream);
}

}  // namespace soragen::kernels
