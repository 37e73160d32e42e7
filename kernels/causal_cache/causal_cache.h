// The past frames of a convolution that is causal in time, moved in one pass. The layer before has written
// its frames behind the first `past` places of `buffer`, which the convolution then reads without any pad or
// concatenation:
//
//   buffer[0, past) <- cache, or zeros for the first frames of a film
//   cache           <- the last `past` frames of buffer
//
// Easy to get wrong: with fewer new frames than `past` the new cache still holds frames of the old one.
#pragma once

#include <cstdint>

#include "kernels/device/launch_shape.h"
#include "kernels/support.h"

namespace soragen::kernels {

constexpr int64_t kMostPastFrames = 2;  // a kernel of three frames

struct CausalCacheArgs {
  void* buffer = nullptr;   // [past + frames, plane_bytes]
  void* cache = nullptr;    // [past, plane_bytes]
  int64_t plane_bytes = 0;  // of one frame, all channels
  int64_t past = 0;         // 1 to kMostPastFrames
  int64_t frames = 0;       // new ones, at least 1
  bool first = false;
};

void causal_cache_ref(const CausalCacheArgs& args);

Support causal_cache_cuda_support(const CausalCacheArgs& args);
void causal_cache_cuda(const CausalCacheArgs& args, Stream stream);

}  // namespace soragen::kernels
