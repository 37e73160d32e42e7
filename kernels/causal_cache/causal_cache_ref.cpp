#include <cstddef>
#include <cstring>

#include "kernels/causal_cache/causal_cache.h"

namespace soragen::kernels {

void causal_cache_ref(const CausalCacheArgs& args) {
  auto* const buffer = static_cast<std::byte*>(args.buffer);
  const auto bytes = static_cast<size_t>(args.past * args.plane_bytes);
  args.first ? std::memset(buffer, 0, bytes) : std::memcpy(buffer, args.cache, bytes);
  std::memcpy(args.cache, buffer + args.frames * args.plane_bytes, bytes);
}

Support causal_cache_cuda_support(const CausalCacheArgs& args) {
  if (args.past < 1 || args.past > kMostPastFrames)
    return {std::to_string(args.past) + " past frames; 1 to " + std::to_string(kMostPastFrames) + " are valid"};
  if (args.frames < 1) return {std::to_string(args.frames) + " new frames; at least 1 is valid"};
  if (args.plane_bytes <= 0 || args.plane_bytes % 16 != 0)
    return {"frames of " + std::to_string(args.plane_bytes) + " bytes; multiples of 16 are valid"};
  for (const void* pointer : {args.buffer, args.cache})
    if (reinterpret_cast<uintptr_t>(pointer) % 16 != 0) return {"an array is not 16-byte aligned"};
  return {};
}

}  // namespace soragen::kernels
