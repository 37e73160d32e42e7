// Where the checks run: the card, or the emulated device, on which the checks themselves are rehearsed.
// CMake links one of device_cuda.cpp and device_emulated.cpp.
#pragma once

#include <c10/core/DeviceType.h>

#include <string>

#include "kernels/attention/attention.h"

namespace soragen::kernels {

// Empty: there is one. To be asked first.
std::string why_no_device();
at::DeviceType device_type();
Card this_card();

// Waits for the kernels launched so far; throws what went wrong in them.
void finish(const std::string& name);

// Times the kernels and writes the table to `file` (- is stdout). False, with a message, where that fails.
bool run_bench(const std::string& file);

}  // namespace soragen::kernels
