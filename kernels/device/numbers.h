// Eight neighbouring numbers of a row at a time, and sums over a block: what the row kernels share.
#pragma once

#include <math.h>

#include <type_traits>

#include "kernels/device/device.h"

namespace soragen::kernels {

constexpr int kVector = 8;

struct alignas(16) Float4 {
  float x[4];
};

template <typename T>
__device__ __forceinline__ void load_numbers(const T* from, float (&x)[kVector]) {
  if constexpr (std::is_same_v<T, float>) {
#pragma unroll
    for (int i = 0; i < kVector; i += 4) {
      const Float4 four = load_global<Float4>(from + i);
#pragma unroll
      for (int j = 0; j < 4; ++j) x[i + j] = four.x[j];
    }
  } else {
    const Words<4> words = load_global<Words<4>>(from);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const Float2 pair = unpack<T>(words.word[i]);
      x[2 * i] = pair.low;
      x[2 * i + 1] = pair.high;
    }
  }
}

// Stores the numbers rounded to T, and leaves them so in x.
template <typename T>
__device__ __forceinline__ void store_numbers(T* to, float (&x)[kVector]) {
  if constexpr (std::is_same_v<T, float>) {
#pragma unroll
    for (int i = 0; i < kVector; i += 4) store_global(to + i, Float4{{x[i], x[i + 1], x[i + 2], x[i + 3]}});
  } else {
    Words<4> words;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      words.word[i] = pack<T>(x[2 * i], x[2 * i + 1]);
      const Float2 pair = unpack<T>(words.word[i]);
      x[2 * i] = pair.low;
      x[2 * i + 1] = pair.high;
    }
    store_global(to, words);
  }
}

// Sum over `lanes` neighbouring lanes, a power of two; each of them gets it.
__device__ __forceinline__ float lanes_sum(float x, int lanes) {
  for (int mask = 1; mask < lanes; mask *= 2) x += shuffle_xor(x, mask);
  return x;
}
// Likewise the largest.
__device__ __forceinline__ float lanes_maximum(float x, int lanes) {
  for (int mask = 1; mask < lanes; mask *= 2) x = fmaxf(x, shuffle_xor(x, mask));
  return x;
}

// Row kernels run one row a block of this many threads.
constexpr int kRowThreads = 128;
constexpr int kRowWarps = kRowThreads / 32;

// Sum over a block of kRowThreads; every thread gets it. `slots` are kRowWarps floats of shared memory that
// nothing else uses.
__device__ __forceinline__ float block_sum(float x, uint32_t slots) {
  x = lanes_sum(x, 32);
  if (lane_index() == 0) store_shared(slots + 4u * static_cast<uint32_t>(warp_index()), x);
  sync_block();
  float sum = 0;
#pragma unroll
  for (uint32_t warp = 0; warp < kRowWarps; ++warp) sum += load_shared<float>(slots + 4 * warp);
  return sum;
}

// The column of a thread's v-th vector in a row that a block shares.
__device__ __forceinline__ int64_t row_column(int v) {
  return (static_cast<int64_t>(v) * kRowThreads + thread_index()) * kVector;
}

// Calls launch_vectors(std::integral_constant<int, n>) with the smallest n of vectors a thread that fits.
constexpr int kMostRowWidth = 8 * kRowThreads * kVector;
template <typename Launch>
void dispatch_row_width(int64_t width, const Launch& launch_vectors) {
  constexpr int64_t kOne = kRowThreads * kVector;
  if (width <= 2 * kOne) return launch_vectors(std::integral_constant<int, 2>());
  if (width <= 3 * kOne) return launch_vectors(std::integral_constant<int, 3>());
  if (width <= 5 * kOne) return launch_vectors(std::integral_constant<int, 5>());
  launch_vectors(std::integral_constant<int, 8>());
}

}  // namespace soragen::kernels
