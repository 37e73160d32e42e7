#include <cmath>

#include "kernels/rms_silu/rms_silu.h"
#include "kernels/row_sum.h"

namespace soragen::kernels {
namespace {

// exp by range reduction to [-ln2/2, ln2/2] and a degree-6 Taylor polynomial (remainder below 2^-23
// there); written out because a call to expf would stop the loop from vectorising.
SORAGEN_INLINE float fast_exp(float x) {
  x = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  const float scaled = x * 1.44269504f;
  const auto exponent = static_cast<int32_t>(scaled + (scaled < 0.0f ? -0.5f : 0.5f));
  const auto n = static_cast<float>(exponent);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
  float p = 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * std::bit_cast<float>((exponent + 127) << 23);
}

template <bool silu, typename T>
SORAGEN_INLINE void rows(const RmsSiluArgs<T>& args, int64_t begin, int64_t end) {
  const int64_t channels = args.channels;
  const float* gamma = args.gamma;
  const float root = std::sqrt(static_cast<float>(channels));
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    const T* x = args.x + pixel * channels;
    T* out = args.out + pixel * channels;
    const float norm = std::sqrt(row_sum<2>(x, channels, 0.0f));
    const float factor = root / (norm > 1e-12f ? norm : 1e-12f);
    for (int64_t i = 0; i < channels; ++i) {
      const float y = to_float(x[i]) * factor * gamma[i];
      store(silu ? y / (1.0f + fast_exp(-y)) : y, out[i]);
    }
  }
}

}  // namespace

SORAGEN_CPU_KERNEL void rms_silu(const RmsSiluArgs<float>& args, int64_t begin, int64_t end) {
  args.silu ? rows<true>(args, begin, end) : rows<false>(args, begin, end);
}
SORAGEN_CPU_KERNEL void rms_silu(const RmsSiluArgs<Bf16>& args, int64_t begin, int64_t end) {
  args.silu ? rows<true>(args, begin, end) : rows<false>(args, begin, end);
}

}  // namespace soragen::kernels
