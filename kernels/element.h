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

struct Half {
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

// By scaling with powers of two: the float's own rounding to nearest even does the work, below the smallest
// normal number too.
inline float to_float(Half x) {
  const uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000u) << 16, magnitude = x.bits & 0x7FFFu;
  const float finite = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  const uint32_t bits = magnitude < 0x7C00u ? std::bit_cast<uint32_t>(finite) : 0x7F800000u | magnitude << 13;
  return std::bit_cast<float>(bits | sign);
}

inline void store(float x, Half& out) {
  const uint32_t bits = std::bit_cast<uint32_t>(x), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
  uint32_t half = 0x7E00u;        // NaN
  if (magnitude < 0x38800000u) {  // below 2^-14: adding 0.5 aligns the last place to 2^-24
    half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3F000000u;
  } else if (magnitude < 0x47800000u) {  // below 65536; rounding may carry into infinity
    half = (magnitude - 0x38000000u + 0xFFFu + (magnitude >> 13 & 1u)) >> 13;
  } else if (magnitude <= 0x7F800000u) {
    half = 0x7C00u;
  }
  out.bits = static_cast<uint16_t>(half | sign);
}

// Sums over a row keep this many partial sums, so that the loop vectorises without -ffast-math and the
// result does not depend on the instruction set.
constexpr int kLanes = 16;

}  // namespace soragen::kernels
