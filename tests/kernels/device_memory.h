// Arrays that emulated kernels may touch: exactly their bytes, lent for as long as they live.
#pragma once

#include <random>
#include <vector>

#include "kernels/device/emulator/global_memory.h"
#include "kernels/element.h"

namespace soragen::kernels {

// 16-byte aligned, as every allocation of CUDA is; std::vector's own allocator gives that too.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(std::vector<T> values, emulator::Access access = emulator::Access::read_write)
      : values_(std::move(values)), range_(values_.data(), values_.size() * sizeof(T), access) {}
  T* data() { return values_.data(); }
  const std::vector<T>& values() const { return values_; }

 private:
  std::vector<T> values_;
  emulator::GlobalRange range_;
};

inline std::vector<float> normal_floats(size_t count, unsigned seed, float scale = 1.0f) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

template <typename T>
std::vector<T> rounded(const std::vector<float>& values) {
  std::vector<T> result(values.size());
  for (size_t i = 0; i < values.size(); ++i) store(values[i], result[i]);
  return result;
}

}  // namespace soragen::kernels
