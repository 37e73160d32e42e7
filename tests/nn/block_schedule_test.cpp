// Which block lies in which buffer when, as a pure function of the visits.
#include "nn/block_schedule.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace soragen::nn {
namespace {

using Fill = BlockSchedule::Fill;

// Buffers as a device would hold them: a visit must find its block, and only buffers that are not in use are filled.
class Buffers {
 public:
  explicit Buffers(BlockSchedule schedule) : schedule_(std::move(schedule)) {}
  std::vector<Fill> visit(int64_t block) {
    if (block != block_) in_use_.reset();
    block_ = block;
    const BlockSchedule::Visit visit = schedule_.visit(block);
    for (const Fill& fill : visit.fills) {
      EXPECT_NE(fill.buffer, in_use_) << "overwritten while block " << block << " computes";
      EXPECT_LT(fill.buffer, schedule_.buffers());
      EXPECT_FALSE(schedule_.is_resident(fill.block));
      held_[fill.buffer] = fill.block;
      if (fill.buffer == visit.buffer) in_use_ = fill.buffer;
    }
    in_use_ = visit.buffer;
    EXPECT_EQ(visit.buffer.has_value(), !schedule_.is_resident(block));
    if (visit.buffer) {
      EXPECT_EQ(held_.at(*visit.buffer), block);
    }
    return visit.fills;
  }

 private:
  BlockSchedule schedule_;
  std::map<int64_t, int64_t> held_;
  std::optional<int64_t> in_use_, block_;
};

TEST(BlockSchedule, KeepsAsManyAsItIsTold) {
  for (int64_t count = 1; count <= 40; ++count)
    for (int64_t resident = 0; resident <= count; ++resident) {
      const BlockSchedule schedule(count, resident, 2);
      int64_t kept = 0;
      for (int64_t block = 0; block < count; ++block) kept += schedule.is_resident(block);
      EXPECT_EQ(kept, resident);
      EXPECT_EQ(schedule.buffers(), std::min<int64_t>(2, count - resident));
    }
  EXPECT_EQ(BlockSchedule(5, 99, 2).resident(), 5);
}

// Between two streamed blocks there are as many resident ones everywhere, but for one: around the circle, too.
TEST(BlockSchedule, SpreadsWhatItStreams) {
  for (int64_t count = 2; count <= 40; ++count)
    for (int64_t resident = 0; resident < count - 1; ++resident) {
      const BlockSchedule schedule(count, resident, 2);
      int64_t least = count, most = 0;
      for (int64_t block = 0; block < count; ++block) {
        if (schedule.is_resident(block)) continue;
        const int64_t gap = (schedule.next_streamed(block) - block + count) % count;
        least = std::min(least, gap), most = std::max(most, gap);
      }
      EXPECT_LE(most - least, 1) << count << " blocks, " << resident << " resident";
    }
}

TEST(BlockSchedule, FillsOneAheadAndAroundTheCircle) {
  BlockSchedule all(3, 0, 2);
  EXPECT_EQ(all.visit(0).fills, (std::vector<Fill>{{0, 0}, {1, 1}}));
  EXPECT_TRUE(all.visit(0).fills.empty());  // still the same
  EXPECT_EQ(all.visit(1).fills, (std::vector<Fill>{{2, 0}}));
  EXPECT_EQ(all.visit(2).fills, (std::vector<Fill>{{0, 1}}));
  EXPECT_EQ(all.visit(0).fills, (std::vector<Fill>{{1, 0}}));  // the next step
  EXPECT_EQ(all.visit(0).buffer, 1);

  BlockSchedule half(4, 2, 2);  // 1 and 3 are streamed
  EXPECT_EQ(half.visit(0).fills, (std::vector<Fill>{{1, 0}, {3, 1}}));
  EXPECT_TRUE(half.visit(1).fills.empty());
  EXPECT_EQ(half.visit(2).fills, (std::vector<Fill>{{1, 0}}));  // block 3 waits, the next step's 1 is on its way
  EXPECT_EQ(half.visit(3).buffer, 1);
}

TEST(BlockSchedule, ResidentBlocksNeedNothing) {
  BlockSchedule schedule(3, 3, 2);
  for (const int64_t block : {0, 1, 2, 0}) {
    EXPECT_FALSE(schedule.visit(block).buffer);
    EXPECT_TRUE(schedule.visit(block).fills.empty());
  }
}

TEST(BlockSchedule, StepsInTurnFillEveryStreamedBlockOnce) {
  for (int64_t count = 2; count <= 12; ++count)
    for (int64_t resident = 0; resident <= count; ++resident)
      for (const int64_t buffers : {1, 2, 3}) {
        Buffers device{BlockSchedule(count, resident, buffers)};
        int64_t fills = 0;
        constexpr int64_t kSteps = 4;
        for (int64_t step = 0; step < kSteps; ++step)
          for (int64_t block = 0; block < count; ++block) fills += static_cast<int64_t>(device.visit(block).size());
        EXPECT_LE(fills, kSteps * (count - resident) + buffers);  // and those ahead of the step that never came
        EXPECT_GE(fills, kSteps * (count - resident));
      }
}

// A film that is interrupted leaves the circle anywhere.
TEST(BlockSchedule, AnyOrderFindsItsBlocks) {
  std::mt19937 random(7);
  for (int64_t count = 1; count <= 6; ++count)
    for (int64_t resident = 0; resident <= count; ++resident) {
      Buffers device{BlockSchedule(count, resident, 2)};
      for (int i = 0; i < 300; ++i) device.visit(static_cast<int64_t>(random() % static_cast<unsigned>(count)));
    }
}

}  // namespace
}  // namespace soragen::nn
