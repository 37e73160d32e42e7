#include <cmath>

#include "kernels/gelu/gelu.h"

namespace soragen::kernels {
namespace {

constexpr double kPi = 3.14159265358979323846;

template <typename T>
void reference(const GeluArgs<T>& args) {
  for (int64_t i = 0; i < args.count; ++i) {
    const double x = to_float(args.x[i]);
    store(static_cast<float>(0.5 * x * (1 + std::tanh(std::sqrt(2 / kPi) * (x + 0.044715 * x * x * x)))), args.out[i]);
  }
}

}  // namespace

void gelu_ref(const GeluArgs<float>& args) { reference(args); }
void gelu_ref(const GeluArgs<Bf16>& args) { reference(args); }
void gelu_ref(const GeluArgs<Half>& args) { reference(args); }

}  // namespace soragen::kernels
