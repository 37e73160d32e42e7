// One thread block being run on the CPU: its threads are fibers, its warps meet at their collective
// instructions, its shared memory and barriers are checked. Note: [What the emulator proves]
//
// Traps (an Error of kind internal that names the threads): shared bytes read before they were written or
// while a copy into them is in flight, shared accesses of two threads with no barrier in between, accesses
// outside or unaligned, global accesses outside the lent ranges, lanes of a warp at different collective
// instructions, threads that wait for ever. Asynchronous copies land at the last moment that the hardware
// guarantees, when they are waited for: a kernel that reads earlier is caught. So do warpgroup products.
//
// Not represented: speed, caches, register pressure, races in global memory, the exact rounding inside a
// matrix instruction (here: exact products, one rounding of the sum), independent progress of the lanes
// of one warp beyond what the barriers force. Of sm_90a also: the asynchronous proxy and its fences (what a
// thread stores, a product or copy may read at once), wgmma.fence, setmaxnreg, that the warps of a warpgroup
// share a product's time (each runs its rows when it waits), and a wait on an mbarrier by one lane counts for
// its whole warp.
#pragma once

#include <array>
#include <cstring>
#include <map>
#include <string_view>

#include "kernels/device/emulator/fibers.h"
#include "kernels/device/emulator/ordering.h"
#include "kernels/device/emulator/shared_memory.h"
#include "kernels/device/emulator/transaction_barriers.h"
#include "kernels/device/emulator/warpgroup_products.h"
#include "kernels/device/launch_shape.h"

namespace soragen::kernels::emulator {

struct Statistics {
  int64_t matrix_loads = 0;    // eight-row phases of ldmatrix
  int64_t bank_conflicts = 0;  // phases whose rows fall on the same banks
};
Statistics& statistics();  // of every launch since the caller last cleared it

class Block {
 public:
  Block(const LaunchShape& shape, Dim index);
  static Block& current();

  void run(const std::function<void()>& kernel);

  int thread() const { return fibers_.current(); }
  int warp() const { return thread() / kWarpLanes; }
  int lane() const { return thread() % kWarpLanes; }
  Dim index() const { return index_; }
  Dim grid() const { return shape_.grid; }
  SharedMemory& shared() { return shared_; }
  TransactionBarriers& transactions() { return transactions_; }
  WarpgroupProducts& products() { return products_; }

  // Every lane of the warp calls this with its own arguments; the last to arrive runs
  // execute(std::array<Arguments*, 32>&) for all, and all go on.
  template <typename Arguments, typename Execute>
  void collective(const char* name, Arguments& arguments, Execute execute);

  // bar.sync and bar.arrive: `threads` is how many meet at barrier `id`. Arrivals come warp by warp.
  void barrier(int id, int threads, bool waits);

  void sync_block() { barrier(0, shape_.threads, true); }
  void sync_warp();

  // cp.async: 16 bytes that land when the thread waits for their group. A null source gives zeros.
  void copy_async(uint32_t address, const void* source);
  void commit_copies();
  void wait_copies(size_t groups_left);

  // wgmma.wait_group: the warp meets, and what it read and wrote until then is done.
  void wait_products(size_t groups_left);

 private:
  struct Warp {
    uint64_t round = 0;  // collectives completed
    int arrived = 0;
    const char* name = "";
    std::array<void*, kWarpLanes> arguments{};
  };
  struct Barrier {
    uint64_t generation = 0;
    int threads = 0, arrived = 0;
    Clock published;
    std::vector<int> waiting;  // warps
  };
  struct Copy {
    uint32_t address;
    const void* source;
  };
  struct CopyQueue {
    std::vector<std::vector<Copy>> committed;
    std::vector<Copy> open;
  };

  void arrive(Warp& warp, const char* name, void* arguments);

  LaunchShape shape_;
  Dim index_;
  Fibers fibers_;
  Ordering ordering_;
  SharedMemory shared_;
  TransactionBarriers transactions_;
  WarpgroupProducts products_;
  std::vector<Warp> warps_;
  std::map<int, Barrier> barriers_;
  std::vector<CopyQueue> copies_;  // per thread
};

// Runs kernel() for every block of the grid, one block after the other.
void run_grid(const LaunchShape& shape, const std::function<void()>& kernel);

template <typename Arguments, typename Execute>
void Block::collective(const char* name, Arguments& arguments, Execute execute) {
  Warp& warp = warps_[static_cast<size_t>(this->warp())];
  arrive(warp, name, &arguments);
  if (warp.arrived < kWarpLanes) {
    fibers_.wait_for_change(warp.round, name);
    return;
  }
  std::array<Arguments*, kWarpLanes> lanes;
  for (int i = 0; i < kWarpLanes; ++i) lanes[i] = static_cast<Arguments*>(warp.arguments[i]);
  warp.arrived = 0;
  execute(lanes);
  ++warp.round;
}

}  // namespace soragen::kernels::emulator
