#include <cmath>

#include "kernels/layer_norm/layer_norm.h"
#include "kernels/row_sum.h"

namespace soragen::kernels {
namespace {

template <typename T>
SORAGEN_INLINE void add_update(T* x, const T* update, const float* gate, int64_t width) {
  if (gate)
    for (int64_t i = 0; i < width; ++i) store(to_float(x[i]) + to_float(update[i]) * gate[i], x[i]);
  else
    for (int64_t i = 0; i < width; ++i) store(to_float(x[i]) + to_float(update[i]), x[i]);
}

template <typename T>
SORAGEN_INLINE void rows(const LayerNormArgs<T>& args, int64_t begin, int64_t end) {
  const int64_t width = args.width;
  const float* scale = args.scale;
  const float* shift = args.shift;
  for (int64_t row = begin; row < end; ++row) {
    T* x = args.x + row * width;
    if (args.update) add_update(x, args.update + row * width, args.gate, width);
    if (!args.out) continue;
    const float mean = row_sum<1>(x, width, 0.0f) / static_cast<float>(width);
    const float variance = row_sum<2>(x, width, mean) / static_cast<float>(width);
    const float inverse = 1.0f / std::sqrt(variance + args.eps);
    T* out = args.out + row * width;
    for (int64_t i = 0; i < width; ++i) store((to_float(x[i]) - mean) * inverse * scale[i] + shift[i], out[i]);
  }
}

}  // namespace

SORAGEN_CPU_KERNEL void layer_norm(const LayerNormArgs<float>& args, int64_t begin, int64_t end) {
  rows(args, begin, end);
}
SORAGEN_CPU_KERNEL void layer_norm(const LayerNormArgs<Bf16>& args, int64_t begin, int64_t end) {
  rows(args, begin, end);
}

}  // namespace soragen::kernels
