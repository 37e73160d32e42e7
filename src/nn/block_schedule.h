// Which blocks of a stack stay in memory, which pass through buffers, and when each buffer is filled: order alone, no
// tensors. A pass visits every block in turn and the next pass begins where one ends, so the blocks form a circle.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <vector>

namespace soragen::nn {

// How much of a stack of blocks is kept on the device.
struct Residency {
  int64_t resident = std::numeric_limits<int64_t>::max();  // blocks that stay there: as many or all
  bool keeps_on_host = false;  // the others wait in the machine's memory, converted; else they are read from the file
  bool operator==(const Residency&) const = default;
};

class BlockSchedule {
 public:
  // resident, buffers: clamped to what `count` blocks can use.
  BlockSchedule(int64_t count, int64_t resident, int64_t buffers);

  int64_t count() const { return count_; }
  int64_t resident() const { return count_ - streamed_; }
  int64_t buffers() const { return buffers_; }
  // Streamed blocks are spread evenly, so that the copy of each has the products of as many blocks to hide behind.
  bool is_resident(int64_t block) const;
  int64_t next_streamed(int64_t block) const;  // the first after `block` around the circle; there must be one

  struct Fill {
    int64_t block = 0, buffer = 0;
    bool operator==(const Fill&) const = default;
  };
  struct Visit {
    std::optional<int64_t> buffer;  // that holds the block, once its fill is done; nothing: it is resident
    std::vector<Fill> fills;        // to be started now, in this order
  };
  // The block's buffer stays as it is until another block is visited; every other one is filled ahead. Blocks may be
  // visited in any order, but only the circle's has its fills ahead of it.
  Visit visit(int64_t block);
  void forget();  // no buffer holds anything

 private:
  void start_fill(int64_t block, Visit& visit);
  bool is_free(int64_t buffer) const;

  int64_t count_, streamed_, buffers_;
  std::optional<int64_t> current_;  // the block visited last
  std::optional<Fill> in_use_;      // its buffer, if it is streamed
  std::deque<Fill> ahead_;          // filled or being filled, in the order of their visits
};

}  // namespace soragen::nn
