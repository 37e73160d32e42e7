// Boxes of a [batch, head, token, number] view of 16-bit numbers, as the bulk tensor copies of sm90.h take them.
// Host code only: the map itself is the device's or the emulator's.
#pragma once

#include <cstdint>

namespace soragen::kernels {

constexpr int kBoxNumbers = 64;    // of 16 bits: as wide as the swizzle
constexpr int kBoxRowBytes = 128;  // of one row of a box
constexpr int kSwizzleRows = 8;    // after which the swizzle repeats

struct TensorBoxes {
  const void* data = nullptr;
  int64_t size[4] = {};          // numbers, tokens, heads, batch items
  int64_t stride_bytes[3] = {};  // of tokens, heads, batch items; multiples of 16
  int rows = 0;                  // tokens a box
};

struct BoxOrigin {
  int32_t number = 0, token = 0, head = 0, batch = 0;
};

}  // namespace soragen::kernels
