// Element types of the kernels, and the two ways in which every CPU kernel is written.
//
// SORAGEN_CPU_KERNEL makes the compiler emit a function for AVX-512, AVX2 and the baseline and pick one
// at load time; what it calls must be SORAGEN_INLINE to be compiled for the same instruction set.
#pragma once

#include <bit>
#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
#define SORAGEN_CPU_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SORAGEN_CPU_KERNEL
#endif
#define SORAGEN_INLINE inline __attribute__((always_inline))

namespace soragen::kernels {

struct Bf16 {
  uint16_t bits;
};

SORAGEN_INLINE float to_float(float x) { return x; }
SORAGEN_INLINE float to_float(Bf16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }

SORAGEN_INLINE void store(float x, float& out) { out = x; }
// Round to nearest even, as ATen does. NaN would round to infinity; it is kept a NaN.
SORAGEN_INLINE void store(float x, Bf16& out) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  out.bits = static_cast<uint16_t>(x != x ? 0x7FC0u : rounded);
}

// Sums over a row keep this many partial sums, so that the loop vectorises without -ffast-math and the
// result does not depend on the instruction set.
constexpr int kLanes = 16;

}  // namespace soragen::kernels
