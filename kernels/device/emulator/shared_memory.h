// A block's shared memory that refuses what hardware would let pass: bytes never written, bytes still in
// flight, addresses outside or unaligned, and accesses of two threads with no barrier between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/device/emulator/ordering.h"

namespace soragen::kernels::emulator {

// Address 0 is never valid. A multiple of 1024, as the widest swizzle wants its tiles aligned.
constexpr uint32_t kSharedBase = 1024;

class SharedMemory {
 public:
  SharedMemory(size_t bytes, int warps, const Ordering& ordering)
      : ordering_(ordering),
        agents_(static_cast<size_t>(warps) + 1),
        data_(bytes),
        cells_(bytes),
        readers_(bytes * agents_) {}

  void read(int thread, uint32_t address, void* to, size_t bytes);
  void write(int thread, uint32_t address, const void* from, size_t bytes);

  // An asynchronous copy: from start to land the bytes may be neither read nor written.
  void start(int thread, uint32_t address, size_t bytes);
  void land(Event writer, uint32_t address, const void* from, size_t bytes);

 private:
  enum class State : uint8_t { unwritten, in_flight, written };
  struct Cell {
    Event writer;
    State state = State::unwritten;
  };
  struct Reader {  // the last read by each agent
    uint32_t clock = 0;
    int32_t thread = -1;  // kSeveral: more than one lane at that clock
  };

  size_t check(int thread, const char* act, uint32_t address, size_t bytes) const;  // -> offset
  void check_overwrite(int thread, size_t offset) const;

  const Ordering& ordering_;
  size_t agents_;
  std::vector<std::byte> data_;
  std::vector<Cell> cells_;
  std::vector<Reader> readers_;  // [byte, agent]
};

}  // namespace soragen::kernels::emulator
