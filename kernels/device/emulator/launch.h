// A launch on the CPU: block after block, in the caller's thread.
#pragma once

#include "kernels/device/emulator/block.h"

namespace soragen::kernels {

template <auto kernel, typename... Arguments>
void launch(const LaunchShape& shape, Stream, const Arguments&... arguments) {
  emulator::run_grid(shape, [&] { kernel(arguments...); });
}

}  // namespace soragen::kernels
