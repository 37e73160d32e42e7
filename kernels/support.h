// Whether a kernel takes a problem, and if not, why: what was found and what would be valid.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace soragen::kernels {

struct Support {
  std::string why;  // empty: it does
  explicit operator bool() const { return why.empty(); }
};

// CUDA kernels move eight numbers at a time: rows of `width` numbers, up to `most`, on 16-byte boundaries.
inline Support vectors_support(int64_t width, int64_t most, std::initializer_list<const void*> pointers) {
  if (width <= 0 || width % 8 != 0 || width > most)
    return {"rows of " + std::to_string(width) + " numbers; multiples of 8 up to " + std::to_string(most) +
            " are valid"};
  for (const void* pointer : pointers)
    if (reinterpret_cast<uintptr_t>(pointer) % 16 != 0) return {"an array is not 16-byte aligned"};
  return {};
}

}  // namespace soragen::kernels
