// What a video decoder computes, to bytes: [-1, 1] -> [0, 255], rounded half to even, outside values clamped.
//
//   x    [frames, height, width, 3 * patch * patch]   channels: colour, column and row within the patch
//   out  [frames, height * patch, width * patch, 3]
//
// The order of a patch's channels is the checkpoints' own: column before row.
#pragma once

#include <cstdint>

#include "kernels/device/launch_shape.h"
#include "kernels/element.h"
#include "kernels/support.h"

namespace soragen::kernels {

template <typename T>
struct Rgb8Args {
  const T* x = nullptr;
  uint8_t* out = nullptr;
  int64_t frames = 0, height = 0, width = 0;  // of x
  int64_t patch = 1;
};

void rgb8_ref(const Rgb8Args<float>& args);
void rgb8_ref(const Rgb8Args<Bf16>& args);
void rgb8_ref(const Rgb8Args<Half>& args);

template <typename T>
Support rgb8_cuda_support(const Rgb8Args<T>& args) {
  if (args.patch < 1 || args.width * args.patch % 4 != 0)
    return {"pictures " + std::to_string(args.width * args.patch) + " wide; multiples of 4 are valid"};
  if (reinterpret_cast<uintptr_t>(args.out) % 4 != 0) return {"out is not 4-byte aligned"};
  return {};
}
void rgb8_cuda(const Rgb8Args<float>& args, Stream stream);
void rgb8_cuda(const Rgb8Args<Bf16>& args, Stream stream);
void rgb8_cuda(const Rgb8Args<Half>& args, Stream stream);

}  // namespace soragen::kernels
