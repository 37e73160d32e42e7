// Matrix instructions on the CPU, by the fragment layouts of the PTX ISA; device.h says what each name does.
// Products are exact and their sum is rounded once: at least as precise as the hardware.
#pragma once

#include "kernels/device/emulator/block.h"
#include "kernels/element.h"

namespace soragen::kernels {

template <typename T>
uint32_t pack(float low, float high) {
  T halves[2];
  store(low, halves[0]);
  store(high, halves[1]);
  return static_cast<uint32_t>(halves[1].bits) << 16 | halves[0].bits;
}

struct Float2 {
  float low, high;
};
template <typename T>
Float2 unpack(uint32_t word) {
  return {to_float(T{static_cast<uint16_t>(word)}), to_float(T{static_cast<uint16_t>(word >> 16)})};
}

namespace emulator {

void load_matrices(uint32_t (&r)[4], uint32_t address, bool transposed);

// One lane's share of d += a b. `numbers` of A and B stand in one word.
template <typename D, int d_words>
struct MultiplyArguments {
  D* d;               // [d_words]
  const uint32_t* a;  // [4]
  const uint32_t* b;  // [2]
};

template <typename T>
double element(uint32_t word, int i) {
  if constexpr (sizeof(T) == 1)
    return static_cast<T>(word >> (8 * i));
  else
    return to_float(T{static_cast<uint16_t>(word >> (16 * i))});
}

// The sums a b of m16n8, [16][8], from every lane's fragments.
template <typename T, typename Lanes>
std::array<std::array<double, 8>, 16> product(const Lanes& lanes) {
  constexpr int kPerWord = 4 / sizeof(T), kDepth = 8 * kPerWord;
  double a[16][kDepth], b[8][kDepth];
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    const int group = lane / 4, first = lane % 4 * kPerWord;
    for (int i = 0; i < kPerWord; ++i) {
      for (int word = 0; word < 4; ++word)
        a[group + word % 2 * 8][first + word / 2 * kDepth / 2 + i] = element<T>(lanes[lane]->a[word], i);
      for (int word = 0; word < 2; ++word)
        b[group][first + word * kDepth / 2 + i] = element<T>(lanes[lane]->b[word], i);
    }
  }
  std::array<std::array<double, 8>, 16> sums;
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) {
      double sum = 0;
      for (int k = 0; k < kDepth; ++k) sum += a[row][k] * b[column][k];
      sums[row][column] = sum;
    }
  return sums;
}

// What lane `lane` holds as its i-th number of d.
inline int d_row(int lane, int i) { return lane / 4 + i / 2 * 8; }
inline int d_column(int lane, int i) { return lane % 4 * 2 + i % 2; }

template <typename T, typename D>
void multiply(const char* name, D (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  MultiplyArguments<D, 4> mine{d, a, b};
  Block::current().collective(name, mine, [](auto& lanes) {
    const auto sums = product<T>(lanes);
    for (int lane = 0; lane < kWarpLanes; ++lane)
      for (int i = 0; i < 4; ++i)
        lanes[lane]->d[i] = static_cast<D>(lanes[lane]->d[i] + sums[d_row(lane, i)][d_column(lane, i)]);
  });
}

}  // namespace emulator

inline void load_matrices(uint32_t (&r)[4], uint32_t address) { emulator::load_matrices(r, address, false); }
inline void load_matrices_transposed(uint32_t (&r)[4], uint32_t address) { emulator::load_matrices(r, address, true); }

template <typename T>
void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  emulator::multiply<T>("mma.m16n8k16", d, a, b);
}

inline void multiply_int8(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  emulator::multiply<int8_t>("mma.m16n8k32.s8", d, a, b);
}

inline void multiply_half(uint32_t (&d)[2], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  emulator::MultiplyArguments<uint32_t, 2> mine{d, a, b};
  emulator::Block::current().collective("mma.m16n8k16.f16", mine, [](auto& lanes) {
    const auto sums = emulator::product<Half>(lanes);
    for (int lane = 0; lane < emulator::kWarpLanes; ++lane)
      for (int word = 0; word < 2; ++word) {
        const Float2 old = unpack<Half>(lanes[lane]->d[word]);
        const auto& row = sums[emulator::d_row(lane, 2 * word)];
        lanes[lane]->d[word] = pack<Half>(static_cast<float>(old.low + row[emulator::d_column(lane, 0)]),
                                          static_cast<float>(old.high + row[emulator::d_column(lane, 1)]));
      }
  });
}

}  // namespace soragen::kernels
