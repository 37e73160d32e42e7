// Weights that are read from the disk while others compute.
#pragma once

#include <string>

#include "weights/store.h"

namespace soragen::weights {

// A hint that all tensors whose names begin so are read soon: the system fetches their pages meanwhile.
void read_ahead(const WeightStore& store, const std::string& prefix);

}  // namespace soragen::weights
