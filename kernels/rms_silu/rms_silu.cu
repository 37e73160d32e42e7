// A group of lanes a pixel: 96, 192 and 384 channels are 4, 8 and 16 lanes with three vectors each, so no
// lane idles; 256, 512 and 1024 are 8, 16 and 32 lanes with four.
#include <math.h>

#include "kernels/device/numbers.h"
#include "kernels/rms_silu/rms_silu.h"

namespace soragen::kernels {
namespace {

constexpr int kThreads = 256;

template <typename T, int vectors>
__global__ void __launch_bounds__(kThreads) rms_silu_kernel(const RmsSiluArgs<T> args, int64_t pixels, int lanes) {
  const int64_t pixel = static_cast<int64_t>(block_x()) * (kThreads / lanes) + thread_index() / lanes;
  const auto column = [&](int v) { return (v * lanes + thread_index() % lanes) * kVector; };
  const auto inside = [&](int v) { return pixel < pixels && column(v) < args.channels; };
  float x[vectors][kVector] = {};
  float squares = 0;
#pragma unroll
  for (int v = 0; v < vectors; ++v) {
    if (inside(v)) load_numbers(args.x + pixel * args.channels + column(v), x[v]);
#pragma unroll
    for (int i = 0; i < kVector; ++i) squares += x[v][i] * x[v][i];
  }
  const float norm = fmaxf(sqrtf(lanes_sum(squares, lanes)), 1e-12f);
  const float factor = sqrtf(static_cast<float>(args.channels)) / norm;
#pragma unroll
  for (int v = 0; v < vectors; ++v) {
    if (!inside(v)) continue;
    float gamma[kVector];
    load_numbers(args.gamma + column(v), gamma);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      const float y = x[v][i] * factor * gamma[i];
      x[v][i] = args.silu ? y / (1.0f + exp2_approximate(-1.44269504f * y)) : y;
    }
    store_numbers(args.out + pixel * args.channels + column(v), x[v]);
  }
}

template <typename T, int vectors>
void launch_pixels(const RmsSiluArgs<T>& args, int64_t pixels, Stream stream) {
  int lanes = 1;
  while (lanes * vectors * kVector < args.channels) lanes *= 2;
  const int per_block = kThreads / lanes;
  const LaunchShape shape{.grid = {static_cast<int>((pixels + per_block - 1) / per_block)}, .threads = kThreads};
  launch<rms_silu_kernel<T, vectors>>(shape, stream, args, pixels, lanes);
}

template <typename T>
void dispatch(const RmsSiluArgs<T>& args, int64_t pixels, Stream stream) {
  args.channels % (3 * kVector) == 0 ? launch_pixels<T, 3>(args, pixels, stream)
                                     : launch_pixels<T, 4>(args, pixels, stream);
}

}  // namespace

void rms_silu_cuda(const RmsSiluArgs<float>& args, int64_t pixels, Stream stream) { dispatch(args, pixels, stream); }
void rms_silu_cuda(const RmsSiluArgs<Bf16>& args, int64_t pixels, Stream stream) { dispatch(args, pixels, stream); }
void rms_silu_cuda(const RmsSiluArgs<Half>& args, int64_t pixels, Stream stream) { dispatch(args, pixels, stream); }

}  // namespace soragen::kernels
