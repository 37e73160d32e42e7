// What CUDA graphs ask of Replay, with a table whose "graph" is the work itself, run again on the recording's inputs.
#include "ops/replay.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/graphs_of_the_processor.h"

namespace soragen::ops {
namespace {

using Tensors = std::vector<at::Tensor>;

class ReplayTest : public testing::Test {
 protected:
  ~ReplayTest() override { install_cuda_graphs(nullptr); }

  test::ProcessorGraphs graphs;
  int calls = 0;
  const Replay::Work work = [this](const Tensors& in) -> Tensors {
    ++calls;
    return {in[0] * 2 + in[1], in[0] - 1};
  };
};

TEST_F(ReplayTest, WithoutATableTheWorkIsRun) {
  install_cuda_graphs(nullptr);
  Replay replay;
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(at::equal(replay.run({at::full({2}, i), at::full({2}, 5)}, work)[0], at::full({2}, 2 * i + 5)));
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(graphs.recorded(), 0);
}

TEST_F(ReplayTest, TensorsOfAnotherDeviceAreNotRecorded) {
  install_cuda_graphs(graphs.table(), at::kCUDA);
  Replay replay;
  for (int i = 0; i < 3; ++i) replay.run({at::full({2}, i), at::full({2}, 5)}, work);
  EXPECT_EQ(graphs.recorded(), 0);
}

TEST_F(ReplayTest, TheSecondCallRecordsAndEveryOneFollowsItsInputs) {
  Replay replay;
  std::vector<Tensors> found;
  for (int i = 0; i < 4; ++i) found.push_back(replay.run({at::full({2}, i), at::full({2}, 5)}, work));
  EXPECT_EQ(graphs.recorded(), 1);
  EXPECT_EQ(graphs.replayed(), 3);
  for (int i = 0; i < 4; ++i) {  // and no result was changed by a later call
    EXPECT_TRUE(at::equal(found[i][0], at::full({2}, 2 * i + 5))) << i;
    EXPECT_TRUE(at::equal(found[i][1], at::full({2}, i - 1))) << i;
  }
}

TEST_F(ReplayTest, InputsAreCopiedWhateverTheirStrides) {
  Replay replay;
  for (int i = 0; i < 3; ++i) {
    const at::Tensor x = at::randn({3, 4}).t(), y = at::randn({4, 3});
    EXPECT_TRUE(at::equal(replay.run({x, y}, work)[0], x * 2 + y)) << i;
  }
}

TEST_F(ReplayTest, OtherShapesAndForgettingBeginAnew) {
  Replay replay;
  const auto run = [&](int64_t size) { replay.run({at::randn({size}), at::randn({size})}, work); };
  for (const int64_t size : {2, 2, 3, 3}) run(size);
  EXPECT_EQ(graphs.recorded(), 2);
  EXPECT_EQ(graphs.alive(), 1);
  replay.forget();
  EXPECT_EQ(graphs.alive(), 0);
  run(3);
  EXPECT_EQ(graphs.recorded(), 2);  // the first call after it runs the work
  run(3);
  EXPECT_EQ(graphs.recorded(), 3);
}

TEST_F(ReplayTest, WhatTheWorkThrowsComesThroughAndNothingIsKept) {
  Replay replay;
  const Replay::Work stops = [&](const Tensors& in) -> Tensors {
    if (++calls == 2) throw Error(ErrorKind::interrupted, "interrupted");
    return {in[0] + 1};
  };
  replay.run({at::full({1}, 1)}, stops);
  EXPECT_ERROR(replay.run({at::full({1}, 2)}, stops), ErrorKind::interrupted, "interrupted");
  EXPECT_EQ(graphs.alive(), 0);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(at::equal(replay.run({at::full({1}, i)}, stops)[0], at::full({1}, i + 1)));
}

TEST_F(ReplayTest, ACardThatCannotRecordIsAnErrorWithItsReason) {
  graphs.fail_with("operation not permitted");
  Replay replay;
  const Tensors inputs = {at::full({1}, 1), at::full({1}, 2)};
  replay.run(inputs, work);
  EXPECT_ERROR(replay.run(inputs, work), ErrorKind::unsupported, "operation not permitted");
}

TEST_F(ReplayTest, TheSelfTestPassesAndFindsAReplayOfOldNumbers) {
  EXPECT_EQ(test_cuda_graphs(), "");
  graphs.forget_to_run();
  EXPECT_NE(test_cuda_graphs().find("call 3"), std::string::npos) << test_cuda_graphs();
}

}  // namespace
}  // namespace soragen::ops
