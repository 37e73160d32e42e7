#include "kernels/device/emulator/block.h"

#include "core/fail.h"
#include "kernels/device/emulator/global_memory.h"

namespace soragen::kernels::emulator {
namespace {

// What one block may have on sm_90; a launch on a smaller card is refused by that kernel's support().
constexpr size_t kMostSharedBytes = 227 * 1024;
constexpr int kMostThreads = 1024;
constexpr int kNamedBarriers = 16;

thread_local Block* current_block = nullptr;

}  // namespace

Statistics& statistics() {
  thread_local Statistics counted;
  return counted;
}

Block::Block(const LaunchShape& shape, Dim index)
    : shape_(shape),
      index_(index),
      ordering_(shape.threads / kWarpLanes),
      shared_(shape.shared_bytes, shape.threads / kWarpLanes, ordering_),
      transactions_(fibers_, ordering_, shared_),
      products_(shape.threads, shared_),
      warps_(static_cast<size_t>(shape.threads / kWarpLanes)),
      copies_(static_cast<size_t>(shape.threads)) {}

Block& Block::current() {
  SORAGEN_ASSERT(current_block);
  return *current_block;
}

void Block::run(const std::function<void()>& kernel) {
  current_block = this;
  try {
    fibers_.run(shape_.threads, kernel);
  } catch (const Error& error) {
    current_block = nullptr;
    fail(error.kind(), "block ({}, {}, {}): {}", index_.x, index_.y, index_.z, error.what());
  }
  current_block = nullptr;
}

void Block::arrive(Warp& warp, const char* name, void* arguments) {
  if (warp.arrived == 0) warp.name = name;
  if (std::string_view(warp.name) != name)
    fail(ErrorKind::internal, "thread {} is at {} while lanes of its warp wait at {}", thread(), name, warp.name);
  warp.arguments[static_cast<size_t>(lane())] = arguments;
  ++warp.arrived;
}

void Block::barrier(int id, int threads, bool waits) {
  struct Arguments {
    int id, threads;
    bool waits;
  } mine{id, threads, waits};
  Barrier& barrier = barriers_[id];
  const uint64_t generation = barrier.generation;
  collective(waits ? "bar.sync" : "bar.arrive", mine, [&](std::array<Arguments*, kWarpLanes>& lanes) {
    for (const Arguments* lane : lanes)
      if (lane->id != id || lane->threads != threads)
        fail(ErrorKind::internal, "lanes of warp {} are at barriers {} and {}", warp(), id, lane->id);
    if (id < 0 || id >= kNamedBarriers || threads <= 0 || threads % kWarpLanes != 0 || threads > shape_.threads)
      fail(ErrorKind::internal, "barrier {} of {} threads in a block of {}", id, threads, shape_.threads);
    if (barrier.arrived > 0 && barrier.threads != threads)
      fail(ErrorKind::internal, "barrier {} waits for {} threads and for {}", id, barrier.threads, threads);
    barrier.threads = threads;
    barrier.arrived += kWarpLanes;
    Ordering::join(barrier.published, ordering_.release(warp()));
    if (waits) barrier.waiting.push_back(warp());
    if (barrier.arrived < threads) return;
    for (const int waiting : barrier.waiting) ordering_.acquire(waiting, barrier.published);
    barrier.arrived = 0;
    barrier.published.clear();
    barrier.waiting.clear();
    ++barrier.generation;
  });
  if (waits && barrier.generation == generation) fibers_.wait_for_change(barrier.generation, "bar.sync");
}

void Block::sync_warp() {
  int nothing = 0;
  collective("syncwarp", nothing, [&](std::array<int*, kWarpLanes>&) { ordering_.sync(warp()); });
}

void Block::copy_async(uint32_t address, const void* source) {
  if (source) check_global(source, kCopyBytes, Access::read);
  shared_.start(thread(), address, kCopyBytes);
  copies_[static_cast<size_t>(thread())].open.push_back({address, source});
}

void Block::commit_copies() {
  CopyQueue& queue = copies_[static_cast<size_t>(thread())];
  queue.committed.push_back(std::move(queue.open));
  queue.open.clear();
}

void Block::wait_copies(size_t groups_left) {
  CopyQueue& queue = copies_[static_cast<size_t>(thread())];
  static constexpr std::array<std::byte, kCopyBytes> kZeros{};
  while (queue.committed.size() > groups_left) {
    for (const Copy& copy : queue.committed.front())
      shared_.land(ordering_.now(thread()), copy.address, copy.source ? copy.source : kZeros.data(), kCopyBytes);
    queue.committed.erase(queue.committed.begin());
  }
}

void Block::wait_products(size_t groups_left) {
  int nothing = 0;
  collective("wgmma.wait_group", nothing, [&](std::array<int*, kWarpLanes>&) {
    products_.wait(warp() * kWarpLanes, groups_left);
    ordering_.sync(warp());
  });
}

void run_grid(const LaunchShape& shape, const std::function<void()>& kernel) {
  if (shape.threads <= 0 || shape.threads > kMostThreads || shape.threads % kWarpLanes != 0)
    fail(ErrorKind::internal, "a block of {} threads; 32 to {} in steps of 32 would be valid", shape.threads,
         kMostThreads);
  if (shape.shared_bytes > kMostSharedBytes)
    fail(ErrorKind::internal, "a block with {} bytes of shared memory; up to {} would be valid", shape.shared_bytes,
         kMostSharedBytes);
  for (int z = 0; z < shape.grid.z; ++z)
    for (int y = 0; y < shape.grid.y; ++y)
      for (int x = 0; x < shape.grid.x; ++x) Block(shape, {x, y, z}).run(kernel);
}

}  // namespace soragen::kernels::emulator
