// Sums over one row with kLanes partial sums: vectorised, and equal on every instruction set.
#pragma once

#include "kernels/element.h"

namespace soragen::kernels {

// Sum of (x[i] - centre)^power, power 1 or 2.
template <int power, typename T>
SORAGEN_INLINE float row_sum(const T* x, int64_t width, float centre) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes)
    for (int lane = 0; lane < kLanes; ++lane) {
      const float value = to_float(x[i + lane]) - centre;
      lanes[lane] += power == 1 ? value : value * value;
    }
  float sum = 0;
  for (int lane = 0; lane < kLanes; ++lane) sum += lanes[lane];
  for (; i < width; ++i) {
    const float value = to_float(x[i]) - centre;
    sum += power == 1 ? value : value * value;
  }
  return sum;
}

}  // namespace soragen::kernels
