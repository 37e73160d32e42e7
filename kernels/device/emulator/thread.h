// Threads and barriers on the CPU; device.h says what each name does.
#pragma once

#include <cmath>

#include "kernels/device/emulator/block.h"

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__

namespace soragen::kernels {

inline int thread_index() { return emulator::Block::current().thread(); }
inline int lane_index() { return emulator::Block::current().lane(); }
inline int warp_index() { return emulator::Block::current().warp(); }
inline int block_x() { return emulator::Block::current().index().x; }
inline int block_y() { return emulator::Block::current().index().y; }
inline int block_z() { return emulator::Block::current().index().z; }

inline void sync_block() { emulator::Block::current().sync_block(); }
inline void sync_warp() { emulator::Block::current().sync_warp(); }

template <typename T>
T shuffle_xor(T value, int mask) {
  static_assert(sizeof(T) == 4);
  struct Arguments {
    T value;
    int mask;
  } mine{value, mask};
  emulator::Block::current().collective("shfl", mine, [](std::array<Arguments*, 32>& lanes) {
    std::array<T, 32> values;
    for (int i = 0; i < 32; ++i) values[i] = lanes[i ^ lanes[i]->mask]->value;
    for (int i = 0; i < 32; ++i) lanes[i]->value = values[i];
  });
  return mine.value;
}

inline uint32_t opaque(uint32_t value) { return value; }
inline float exp2_approximate(float x) { return std::exp2(x); }

}  // namespace soragen::kernels
