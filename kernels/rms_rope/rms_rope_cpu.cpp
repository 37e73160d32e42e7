#include <cmath>

#include "kernels/rms_rope/rms_rope.h"
#include "kernels/row_sum.h"

namespace soragen::kernels {
namespace {

template <typename T>
SORAGEN_INLINE void rotate_head(T* x, const float* weight, const float* cos, const float* sin, int64_t half,
                                float inverse) {
  for (int64_t i = 0; i < half; ++i) {
    const float even = to_float(x[2 * i]) * inverse * weight[2 * i];
    const float odd = to_float(x[2 * i + 1]) * inverse * weight[2 * i + 1];
    store(even * cos[i] - odd * sin[i], x[2 * i]);
    store(even * sin[i] + odd * cos[i], x[2 * i + 1]);
  }
}

template <typename T>
SORAGEN_INLINE void rows(const RmsRopeArgs<T>& args, int64_t begin, int64_t end) {
  const int64_t width = args.heads * args.head_dim, half = args.head_dim / 2;
  for (int64_t row = begin; row < end; ++row) {
    T* x = args.x + row * args.stride;
    const float inverse = 1.0f / std::sqrt(row_sum<2>(x, width, 0.0f) / static_cast<float>(width) + args.eps);
    if (args.cos) {
      const int64_t angles = (row % args.tokens) * half;
      for (int64_t head = 0; head < args.heads; ++head)
        rotate_head(x + head * args.head_dim, args.weight + head * args.head_dim, args.cos + angles, args.sin + angles,
                    half, inverse);
    } else {
      for (int64_t i = 0; i < width; ++i) store(to_float(x[i]) * inverse * args.weight[i], x[i]);
    }
  }
}

}  // namespace

SORAGEN_CPU_KERNEL void rms_rope(const RmsRopeArgs<float>& args, int64_t begin, int64_t end) { rows(args, begin, end); }
SORAGEN_CPU_KERNEL void rms_rope(const RmsRopeArgs<Bf16>& args, int64_t begin, int64_t end) { rows(args, begin, end); }

}  // namespace soragen::kernels
