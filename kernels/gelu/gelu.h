// out = 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): GELU in its tanh form, number by number.
#pragma once

#include <cstdint>

#include "kernels/device/launch_shape.h"
#include "kernels/element.h"
#include "kernels/support.h"

namespace soragen::kernels {

template <typename T>
struct GeluArgs {
  const T* x = nullptr;
  T* out = nullptr;  // may be x
  int64_t count = 0;
};

void gelu_ref(const GeluArgs<float>& args);
void gelu_ref(const GeluArgs<Bf16>& args);
void gelu_ref(const GeluArgs<Half>& args);

template <typename T>
Support gelu_cuda_support(const GeluArgs<T>& args) {
  return vectors_support(args.count, int64_t{1} << 40, {args.x, args.out});
}
void gelu_cuda(const GeluArgs<float>& args, Stream stream);
void gelu_cuda(const GeluArgs<Bf16>& args, Stream stream);
void gelu_cuda(const GeluArgs<Half>& args, Stream stream);

}  // namespace soragen::kernels
