#include <cstdio>
#include <limits>

#include "kernels/device/emulator/global_memory.h"
#include "tests/kernels/cuda/device.h"

namespace soragen::kernels {

std::string why_no_device() {
  // All memory is lent: bounds are the business of tests/kernels/*_test.cpp. Never taken back, as the list of what
  // is lent dies before any object with a static lifetime.
  static const auto* const everything = new emulator::GlobalRange(
      reinterpret_cast<const void*>(16), std::numeric_limits<size_t>::max() / 2, emulator::Access::read_write);
  static_cast<void>(everything);
  return {};
}

at::DeviceType device_type() { return at::DeviceType::CPU; }

Card this_card() {
  return {.capability = 90, .shared_bytes_per_block = 227 * 1024, .shared_bytes_per_multiprocessor = 228 * 1024};
}

void finish(const std::string&) {}

bool run_bench(const std::string&) {
  std::fprintf(stderr, "soragen_gpu_check: the emulated device has no speed to measure\n");
  return false;
}

}  // namespace soragen::kernels
