// A thread owns the same 16 bytes of every frame and reads them all before it writes, so old and new cache
// may overlap without a second buffer.
#include "kernels/causal_cache/causal_cache.h"

#include "kernels/device/device.h"

namespace soragen::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kBytes = 16;

__global__ void __launch_bounds__(kThreads) causal_cache_kernel(const CausalCacheArgs args) {
  const int64_t offset = (static_cast<int64_t>(block_x()) * kThreads + thread_index()) * kBytes;
  if (offset >= args.plane_bytes) return;
  char* const buffer = static_cast<char*>(args.buffer) + offset;
  char* const cache = static_cast<char*>(args.cache) + offset;
  Words<4> past[kMostPastFrames] = {}, next[kMostPastFrames] = {};
#pragma unroll
  for (int t = 0; t < kMostPastFrames; ++t) {
    if (t >= args.past) continue;
    if (!args.first) past[t] = load_global<Words<4>>(cache + t * args.plane_bytes);
  }
#pragma unroll
  for (int t = 0; t < kMostPastFrames; ++t) {
    if (t >= args.past) continue;
    const int64_t from = args.frames + t;  // of the buffer; its first frames are `past`
    if (from >= args.past)
      next[t] = load_global<Words<4>>(buffer + from * args.plane_bytes);
    else  // one new frame, two past ones: the later past frame stays
      next[t] = past[kMostPastFrames - 1];
    store_global(buffer + t * args.plane_bytes, past[t]);
  }
#pragma unroll
  for (int t = 0; t < kMostPastFrames; ++t)
    if (t < args.past) store_global(cache + t * args.plane_bytes, next[t]);
}

}  // namespace

void causal_cache_cuda(const CausalCacheArgs& args, Stream stream) {
  constexpr int64_t kPerBlock = kThreads * kBytes;
  const LaunchShape shape{.grid = {static_cast<int>((args.plane_bytes + kPerBlock - 1) / kPerBlock)},
                          .threads = kThreads};
  launch<causal_cache_kernel>(shape, stream, args);
}

}  // namespace soragen::kernels
