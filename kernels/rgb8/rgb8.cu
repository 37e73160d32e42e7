// A thread writes four bytes; the numbers of a patch come through the cache.
#include "kernels/rgb8/rgb8.h"

#include <math.h>

#include "kernels/device/device.h"

namespace soragen::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kBytes = 4;

template <typename T>
__device__ __forceinline__ float load_number(const T* from) {
  if constexpr (sizeof(T) == 4)
    return load_global<float>(from);
  else
    return unpack<T>(load_global<uint16_t>(from)).low;
}

__device__ __forceinline__ uint32_t to_byte(float x) {
  return static_cast<uint32_t>(rintf(fminf(fmaxf(x * 0.5f + 0.5f, 0.0f), 1.0f) * 255.0f));
}

// A block writes a part of one row of the picture.
template <typename T>
__global__ void __launch_bounds__(kThreads) rgb8_kernel(const Rgb8Args<T> args) {
  const int row_bytes = static_cast<int>(args.width * args.patch * 3);
  const int first = (block_x() * kThreads + thread_index()) * kBytes;
  if (first >= row_bytes) return;
  const int patch = static_cast<int>(args.patch), channels = 3 * patch * patch;
  const int64_t row = static_cast<int64_t>(block_z()) * args.height * patch + block_y();
  const T* const source = args.x + row / patch * args.width * channels;
  const int line = static_cast<int>(row % patch);
  uint32_t word = 0;
#pragma unroll
  for (int i = 0; i < kBytes; ++i) {
    const int x = (first + i) / 3, colour = (first + i) % 3;
    const int channel = (colour * patch + x % patch) * patch + line;
    word |= to_byte(load_number(source + x / patch * channels + channel)) << (8 * i);
  }
  store_global(args.out + row * row_bytes + first, word);
}

template <typename T>
void launch_pictures(const Rgb8Args<T>& args, Stream stream) {
  const int words = static_cast<int>(args.width * args.patch * 3 / kBytes);
  const LaunchShape shape{.grid = {(words + kThreads - 1) / kThreads, static_cast<int>(args.height * args.patch),
                                   static_cast<int>(args.frames)},
                          .threads = kThreads};
  launch<rgb8_kernel<T>>(shape, stream, args);
}

}  // namespace

void rgb8_cuda(const Rgb8Args<float>& args, Stream stream) { launch_pictures(args, stream); }
void rgb8_cuda(const Rgb8Args<Bf16>& args, Stream stream) { launch_pictures(args, stream); }
void rgb8_cuda(const Rgb8Args<Half>& args, Stream stream) { launch_pictures(args, stream); }

}  // namespace soragen::kernels
