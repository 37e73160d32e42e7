#include <algorithm>
#include <cmath>

#include "kernels/rms_silu/rms_silu.h"

namespace soragen::kernels {
namespace {

template <typename T>
void reference(const RmsSiluArgs<T>& args, int64_t begin, int64_t end) {
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    const T* x = args.x + pixel * args.channels;
    double squares = 0;
    for (int64_t i = 0; i < args.channels; ++i) squares += static_cast<double>(to_float(x[i])) * to_float(x[i]);
    const double factor = std::sqrt(static_cast<double>(args.channels)) / std::max(std::sqrt(squares), 1e-12);
    for (int64_t i = 0; i < args.channels; ++i) {
      const double y = to_float(x[i]) * factor * args.gamma[i];
      store(static_cast<float>(args.silu ? y / (1.0 + std::exp(-y)) : y), args.out[pixel * args.channels + i]);
    }
  }
}

}  // namespace

void rms_silu_ref(const RmsSiluArgs<float>& args, int64_t begin, int64_t end) { reference(args, begin, end); }
void rms_silu_ref(const RmsSiluArgs<Bf16>& args, int64_t begin, int64_t end) { reference(args, begin, end); }
void rms_silu_ref(const RmsSiluArgs<Half>& args, int64_t begin, int64_t end) { reference(args, begin, end); }

}  // namespace soragen::kernels
