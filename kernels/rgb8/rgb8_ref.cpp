#include <algorithm>
#include <cmath>

#include "kernels/rgb8/rgb8.h"

namespace soragen::kernels {
namespace {

// The reference's arithmetic, in float as it does it: the rounding to bytes is part of the contract.
uint8_t to_byte(float x) {
  return static_cast<uint8_t>(std::nearbyint(std::clamp(x * 0.5f + 0.5f, 0.0f, 1.0f) * 255.0f));
}

template <typename T>
void reference(const Rgb8Args<T>& args) {
  const T* x = args.x;
  for (int64_t row = 0; row < args.frames * args.height; ++row)
    for (int64_t w = 0; w < args.width; ++w)
      for (int64_t colour = 0; colour < 3; ++colour)
        for (int64_t column = 0; column < args.patch; ++column)
          for (int64_t line = 0; line < args.patch; ++line)
            args.out[((row * args.patch + line) * args.width * args.patch + w * args.patch + column) * 3 + colour] =
                to_byte(to_float(*x++));
}

}  // namespace

void rgb8_ref(const Rgb8Args<float>& args) { reference(args); }
void rgb8_ref(const Rgb8Args<Bf16>& args) { reference(args); }
void rgb8_ref(const Rgb8Args<Half>& args) { reference(args); }

}  // namespace soragen::kernels
