#include <cmath>

#include "kernels/layer_norm/layer_norm.h"

namespace soragen::kernels {
namespace {

template <typename T>
void reference(const LayerNormArgs<T>& args, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    T* x = args.x + row * args.width;
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < args.width; ++i) {
      if (args.update)
        store(to_float(x[i]) + to_float(args.update[row * args.width + i]) * (args.gate ? args.gate[i] : 1.0f), x[i]);
      mean += to_float(x[i]);
    }
    if (!args.out) continue;
    mean /= static_cast<double>(args.width);
    for (int64_t i = 0; i < args.width; ++i) variance += (to_float(x[i]) - mean) * (to_float(x[i]) - mean);
    const double inverse = 1.0 / std::sqrt(variance / static_cast<double>(args.width) + args.eps);
    for (int64_t i = 0; i < args.width; ++i)
      store(static_cast<float>((to_float(x[i]) - mean) * inverse * args.scale[i] + args.shift[i]),
            args.out[row * args.width + i]);
  }
}

}  // namespace

void layer_norm_ref(const LayerNormArgs<float>& args, int64_t begin, int64_t end) { reference(args, begin, end); }
void layer_norm_ref(const LayerNormArgs<Bf16>& args, int64_t begin, int64_t end) { reference(args, begin, end); }
void layer_norm_ref(const LayerNormArgs<Half>& args, int64_t begin, int64_t end) { reference(args, begin, end); }

}  // namespace soragen::kernels
