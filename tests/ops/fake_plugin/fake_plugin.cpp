// Plug-ins that answer as compiled: FAKE_VERSION, FAKE_TORCH, FAKE_DRIVER (13000: 13.0), FAKE_STATUS, FAKE_DEVICES,
// FAKE_CAPABILITY. No CUDA in them.
#include <cstdio>

#include "kernels/cuda_plugin.h"

namespace {

using namespace soragen::kernels;

void driver(CudaDriver* found) {
  *found = {};
  found->status = FAKE_STATUS;
  std::snprintf(found->problem, sizeof found->problem, "%s", FAKE_STATUS ? "in CUDA's words" : "");
  found->version = FAKE_DRIVER;
  found->needed = 13000;
  found->devices = FAKE_DEVICES;
}

void card(int, CudaCard* found, CudaFailure*) {
  *found = {};
  std::snprintf(found->name, sizeof found->name, "Fake Card");
  found->card.capability = FAKE_CAPABILITY;
  found->memory = int64_t{8} << 30;
}

const CudaPlugin plugin = [] {
  CudaPlugin table{};
  table.version = FAKE_VERSION;
  table.torch = FAKE_TORCH;
  table.driver = driver;
  table.card = card;
  return table;
}();

}  // namespace

extern "C" const CudaPlugin* soragen_cuda_plugin() { return &plugin; }
