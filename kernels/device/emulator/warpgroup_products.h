// wgmma: products that run beside the threads. Here each warp computes its own 16 of the 64 rows, at the last
// moment that the hardware guarantees: when its threads wait for the group. Operands in shared memory are read
// then, and sums written then: a kernel that frees a tile, changes a weight or uses a sum too early is caught.
#pragma once

#include <array>
#include <vector>

#include "kernels/device/emulator/shared_memory.h"

namespace soragen::kernels::emulator {

// One thread's share of d = a b, or d += a b.
struct WarpgroupProduct {
  float* d = nullptr;           // [n / 2]
  const uint32_t* a = nullptr;  // [4], or null: a_descriptor
  uint64_t a_descriptor = 0, b_descriptor = 0;
  int n = 0;
  bool b_by_columns = false, accumulate = false;
  float (*number)(uint16_t bits) = nullptr;

  // What all 128 threads must agree on.
  bool same_for_all(const WarpgroupProduct& other) const;
};

class WarpgroupProducts {
 public:
  WarpgroupProducts(int threads, SharedMemory& shared);

  void issue(int thread, const WarpgroupProduct& product);
  void commit(int thread);
  // For the 32 threads of a warp from `first` on, together.
  void wait(int first, size_t groups_left);

 private:
  struct Queue {
    std::vector<std::vector<WarpgroupProduct>> committed;
    std::vector<WarpgroupProduct> open;
  };
  void run(int first, size_t product);
  void check_agreement(int first, const WarpgroupProduct& product);

  SharedMemory& shared_;
  std::vector<Queue> queues_;                        // per thread
  std::vector<std::vector<WarpgroupProduct>> done_;  // per warpgroup, in order; the first warp's
  std::vector<size_t> count_;                        // per warp: how many of them it has run
};

}  // namespace soragen::kernels::emulator
