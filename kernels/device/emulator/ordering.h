// Which accesses of a block's threads are ordered by its barriers: vector clocks, one a warp, plus one for
// the copy engine. An access is remembered as an Event; a later access by another thread is safe only when
// a barrier stands between the two.
#pragma once

#include <cstdint>
#include <vector>

namespace soragen::kernels::emulator {

constexpr int kWarpLanes = 32;

struct Event {
  int32_t thread = -1;  // thread / 32 is the agent; the copy engine is the agent after the last warp
  uint32_t clock = 0;   // the agent's clock at the access
};

using Clock = std::vector<uint32_t>;  // per agent: events before this count are known

class Ordering {
 public:
  explicit Ordering(int warps) : known_(static_cast<size_t>(warps) + 1, Clock(static_cast<size_t>(warps) + 1, 0)) {
    for (size_t agent = 0; agent < known_.size(); ++agent) known_[agent][agent] = 1;
  }

  int copy_engine() const { return static_cast<int>(known_.size() - 1); }
  Event now(int thread) const { return {thread, known_[agent(thread)][agent(thread)]}; }

  bool before(Event event, int thread) const {
    return event.thread == thread || event.clock < known_[agent(thread)][agent(event.thread)];
  }

  // All lanes of a warp meet: what each did is visible to the others.
  void sync(int agent) { ++known_[agent][agent]; }

  // What an agent publishes at a barrier where all its lanes arrive, and what it learns there.
  Clock release(int agent) {
    sync(agent);
    return known_[agent];
  }
  // One lane arrives alone: it publishes what its warp did up to the warp's last synchronisation.
  const Clock& release_synced(int agent) const { return known_[agent]; }
  void acquire(int agent, const Clock& published) { join(known_[agent], published); }

  static void join(Clock& into, const Clock& from) {
    if (into.empty()) into.resize(from.size(), 0);
    for (size_t i = 0; i < from.size(); ++i) into[i] = into[i] < from[i] ? from[i] : into[i];
  }

 private:
  static size_t agent(int thread) { return static_cast<size_t>(thread / kWarpLanes); }
  std::vector<Clock> known_;
};

}  // namespace soragen::kernels::emulator
