#include <cmath>

#include "kernels/rms_rope/rms_rope.h"

namespace soragen::kernels {
namespace {

template <typename T>
void reference(const RmsRopeArgs<T>& args, int64_t begin, int64_t end) {
  const int64_t width = args.heads * args.head_dim, half = args.head_dim / 2;
  for (int64_t row = begin; row < end; ++row) {
    T* x = args.x + row * args.stride;
    double squares = 0;
    for (int64_t i = 0; i < width; ++i) squares += static_cast<double>(to_float(x[i])) * to_float(x[i]);
    const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(width) + args.eps);
    for (int64_t i = 0; i < width; i += 2) {
      const double even = to_float(x[i]) * inverse * args.weight[i],
                   odd = to_float(x[i + 1]) * inverse * args.weight[i + 1];
      const int64_t angle = (row % args.tokens) * half + (i % args.head_dim) / 2;
      const double cosine = args.cos ? args.cos[angle] : 1.0, sine = args.sin ? args.sin[angle] : 0.0;
      store(static_cast<float>(even * cosine - odd * sine), x[i]);
      store(static_cast<float>(even * sine + odd * cosine), x[i + 1]);
    }
  }
}

}  // namespace

void rms_rope_ref(const RmsRopeArgs<float>& args, int64_t begin, int64_t end) { reference(args, begin, end); }
void rms_rope_ref(const RmsRopeArgs<Bf16>& args, int64_t begin, int64_t end) { reference(args, begin, end); }
void rms_rope_ref(const RmsRopeArgs<Half>& args, int64_t begin, int64_t end) { reference(args, begin, end); }

}  // namespace soragen::kernels
