// mbarrier and the bulk copies that complete on it. A phase is over when every arrival and every announced byte
// has come. Copies land at the last moment: when a thread waits for their phase, or the next one begins.
#pragma once

#include <map>

#include "kernels/device/emulator/fibers.h"
#include "kernels/device/emulator/ordering.h"
#include "kernels/device/emulator/shared_memory.h"

namespace soragen::kernels::emulator {

constexpr size_t kCopyBytes = 16;  // what cp.async copies, and what a bulk copy is cut into

class TransactionBarriers {
 public:
  TransactionBarriers(Fibers& fibers, Ordering& ordering, SharedMemory& shared)
      : fibers_(fibers), ordering_(ordering), shared_(shared) {}

  // `address` is the barrier's in shared memory; the calling thread must have seen its initialisation.
  void init(int thread, uint32_t address, int arrivals);
  void arrive(int thread, uint32_t address, uint32_t announced_bytes);
  void wait(int thread, uint32_t address, uint32_t parity);

  // Starts a copy of kCopyBytes that counts for the barrier's phase. A null source gives zeros.
  void copy(int thread, uint32_t address, uint32_t to, const void* source);

 private:
  struct Copy {
    uint32_t to;
    const void* source;
  };
  struct Barrier {
    int arrivals = 0, missing = 0;  // of a phase, and of this one
    int64_t bytes = 0;              // announced less copied
    uint64_t phase = 0;
    int waiting = 0;
    Clock gathering, published;
    std::vector<Copy> copies;
  };

  Barrier& at(int thread, uint32_t address);
  void end_phase_if_complete(Barrier& barrier);

  Fibers& fibers_;
  Ordering& ordering_;
  SharedMemory& shared_;
  std::map<uint32_t, Barrier> barriers_;
};

}  // namespace soragen::kernels::emulator
