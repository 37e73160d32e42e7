// The host's description of boxes that the copy engine can read; sm90.h says what each name does. No device code:
// the host's compiler reads it too.
#pragma once

#include "kernels/device/tensor_boxes.h"

namespace soragen::kernels {

// CUtensorMap, which only the driver can fill; passed to a kernel by value as __grid_constant__.
struct alignas(64) TensorMap {
  uint64_t opaque[16];
};

// Throws where the driver does not take it (or is too old to know of it).
TensorMap make_tensor_map(const TensorBoxes& boxes);

}  // namespace soragen::kernels
