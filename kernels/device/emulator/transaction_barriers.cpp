#include "kernels/device/emulator/transaction_barriers.h"

#include <array>

#include "core/fail.h"

namespace soragen::kernels::emulator {
namespace {

constexpr size_t kBarrierBytes = 8;

}  // namespace

void TransactionBarriers::init(int thread, uint32_t address, int arrivals) {
  const uint64_t nothing = 0;
  shared_.write(thread, address, &nothing, kBarrierBytes);
  if (arrivals <= 0) fail(ErrorKind::internal, "thread {} makes a barrier of {} arrivals", thread, arrivals);
  const auto [place, added] = barriers_.emplace(address, Barrier{.arrivals = arrivals, .missing = arrivals});
  if (!added) fail(ErrorKind::internal, "thread {} makes the barrier at {} again", thread, address - kSharedBase);
}

TransactionBarriers::Barrier& TransactionBarriers::at(int thread, uint32_t address) {
  const auto found = barriers_.find(address);
  if (found == barriers_.end())
    fail(ErrorKind::internal, "thread {} uses a barrier at shared offset {}, where none was made", thread,
         static_cast<int64_t>(address) - kSharedBase);
  uint64_t unused = 0;
  shared_.read(thread, address, &unused, kBarrierBytes);  // refuses a thread that its making was not published to
  return found->second;
}

void TransactionBarriers::end_phase_if_complete(Barrier& barrier) {
  if (barrier.missing > 0 || barrier.bytes != 0) return;
  static constexpr std::array<std::byte, kCopyBytes> kZeros{};
  const int engine = ordering_.copy_engine();
  const Event landed = ordering_.now(engine * kWarpLanes);
  for (const Copy& copy : barrier.copies)
    shared_.land(landed, copy.to, copy.source ? copy.source : kZeros.data(), kCopyBytes);
  if (!barrier.copies.empty()) Ordering::join(barrier.gathering, ordering_.release(engine));
  barrier.copies.clear();
  Ordering::join(barrier.published, barrier.gathering);
  barrier.missing = barrier.arrivals;
  ++barrier.phase;
}

void TransactionBarriers::arrive(int thread, uint32_t address, uint32_t announced_bytes) {
  Barrier& barrier = at(thread, address);
  end_phase_if_complete(barrier);  // one whose copies nobody has waited for
  if (barrier.missing == 0)
    fail(ErrorKind::internal, "thread {} arrives at a barrier whose {} arrivals have come, with {} bytes outstanding",
         thread, barrier.arrivals, barrier.bytes);
  --barrier.missing;
  barrier.bytes += announced_bytes;
  Ordering::join(barrier.gathering, ordering_.release_synced(thread / kWarpLanes));
  if (barrier.copies.empty() || barrier.waiting > 0) end_phase_if_complete(barrier);
}

void TransactionBarriers::copy(int thread, uint32_t address, uint32_t to, const void* source) {
  Barrier& barrier = at(thread, address);
  shared_.start(thread, to, kCopyBytes);
  barrier.copies.push_back({to, source});
  barrier.bytes -= static_cast<int64_t>(kCopyBytes);
  if (barrier.waiting > 0) end_phase_if_complete(barrier);
}

void TransactionBarriers::wait(int thread, uint32_t address, uint32_t parity) {
  Barrier& barrier = at(thread, address);
  if (parity > 1) fail(ErrorKind::internal, "thread {} waits for parity {}; 0 and 1 are valid", thread, parity);
  const auto is_over = [&] { return barrier.phase % 2 != parity; };
  if (!is_over()) end_phase_if_complete(barrier);
  ++barrier.waiting;
  while (!is_over()) fibers_.wait_for_change(barrier.phase, "mbarrier.try_wait");
  --barrier.waiting;
  ordering_.acquire(thread / kWarpLanes, barrier.published);
}

}  // namespace soragen::kernels::emulator
