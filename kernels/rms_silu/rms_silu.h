// RMS norm over channels, then SiLU, for channels-last pictures, one pass:
//
//   y <- x / max(||x||_2, 1e-12) * sqrt(channels) * gamma      per pixel, over its channels
//   out <- y / (1 + exp(-y)),  or y itself without SiLU
//
// The norm of causal video VAEs (F.normalize: no eps inside the root, unlike torch's RMSNorm).
#pragma once

#include <cstdint>

#include "kernels/element.h"

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

}  // namespace soragen::kernels
