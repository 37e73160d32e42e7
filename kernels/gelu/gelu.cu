// 0.5 (1 + tanh u) is 1 / (1 + e^(-2u)): one power and one division, and exact zeros far to the left.
#include "kernels/gelu/gelu.h"

#include "kernels/device/numbers.h"

namespace soragen::kernels {
namespace {

constexpr int kThreads = 256;
constexpr float kTwiceRoot = -2.0f * 0.79788456f * 1.44269504f;  // -2 sqrt(2 / pi) log2(e)

template <typename T>
__global__ void __launch_bounds__(kThreads) gelu_kernel(const GeluArgs<T> args) {
  const int64_t first = (static_cast<int64_t>(block_x()) * kThreads + thread_index()) * kVector;
  if (first >= args.count) return;
  float x[kVector];
  load_numbers(args.x + first, x);
#pragma unroll
  for (int i = 0; i < kVector; ++i) {
    const float exponent = kTwiceRoot * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
    x[i] = x[i] / (1.0f + exp2_approximate(exponent));
  }
  store_numbers(args.out + first, x);
}

template <typename T>
void launch_all(const GeluArgs<T>& args, Stream stream) {
  constexpr int64_t kPerBlock = kThreads * kVector;
  const LaunchShape shape{.grid = {static_cast<int>((args.count + kPerBlock - 1) / kPerBlock)}, .threads = kThreads};
  launch<gelu_kernel<T>>(shape, stream, args);
}

}  // namespace

void gelu_cuda(const GeluArgs<float>& args, Stream stream) { launch_all(args, stream); }
void gelu_cuda(const GeluArgs<Bf16>& args, Stream stream) { launch_all(args, stream); }
void gelu_cuda(const GeluArgs<Half>& args, Stream stream) { launch_all(args, stream); }

}  // namespace soragen::kernels
