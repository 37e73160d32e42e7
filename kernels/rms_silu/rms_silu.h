// RMS norm over channels, then SiLU, for channels-last pictures, one pass:
//
//   y <- x / max(||x||_2, 1e-12) * sqrt(channels) * gamma      per pixel, over its channels
//   out <- y / (1 + exp(-y)),  or y itself without SiLU
//
// The norm of causal video VAEs (F.normalize: no eps inside the root, unlike torch's RMSNorm).
#pragma once

#include <cstdint>

#include "kernels/device/launch_shape.h"
#include "kernels/element.h"
#include "kernels/support.h"

namespace soragen::kernels {

template <typename T>
struct RmsSiluArgs {
  const T* x = nullptr;          // [pixels, channels]
  const float* gamma = nullptr;  // [channels]
  T* out = nullptr;              // [pixels, channels]; may be x
  int64_t channels = 0;
  bool silu = true;
};

void rms_silu(const RmsSiluArgs<float>& args, int64_t begin, int64_t end);
void rms_silu(const RmsSiluArgs<Bf16>& args, int64_t begin, int64_t end);

void rms_silu_ref(const RmsSiluArgs<float>& args, int64_t begin, int64_t end);
void rms_silu_ref(const RmsSiluArgs<Bf16>& args, int64_t begin, int64_t end);
void rms_silu_ref(const RmsSiluArgs<Half>& args, int64_t begin, int64_t end);

// On a CUDA device, whose memory all pointers are.
template <typename T>
Support rms_silu_cuda_support(const RmsSiluArgs<T>& args) {
  return vectors_support(args.channels, args.channels % 24 == 0 ? 768 : 1024, {args.x, args.gamma, args.out});
}
void rms_silu_cuda(const RmsSiluArgs<float>& args, int64_t pixels, Stream stream);
void rms_silu_cuda(const RmsSiluArgs<Bf16>& args, int64_t pixels, Stream stream);
void rms_silu_cuda(const RmsSiluArgs<Half>& args, int64_t pixels, Stream stream);

}  // namespace soragen::kernels
