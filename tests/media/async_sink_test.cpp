#include "media/async_sink.h"

#include <atomic>
#include <chrono>

#include "core/fail.h"
#include "support/expect_error.h"

namespace soragen::media {
namespace {

using std::chrono::milliseconds;

struct Seen {
  std::vector<int> widths;
  std::atomic<int> started = 0;
  std::atomic<bool> is_held = false;
  bool is_finished = false, is_aborted = false;
};

class FakeSink final : public FrameSink {
 public:
  FakeSink(Seen& seen, int fails_at) : seen_(seen), fails_at_(fails_at) {}
  void push(const Frame& frame) override {
    ++seen_.started;
    while (seen_.is_held) std::this_thread::sleep_for(milliseconds(1));
    if (frame.width == fails_at_) fail(ErrorKind::resource, "disk full at {}", frame.width);
    seen_.widths.push_back(frame.width);
  }
  void finish() override { seen_.is_finished = true; }
  void abort() noexcept override { seen_.is_aborted = true; }

 private:
  Seen& seen_;
  int fails_at_;
};

AsyncSink make_sink(Seen& seen, int fails_at = -1) { return AsyncSink(std::make_unique<FakeSink>(seen, fails_at)); }

TEST(AsyncSink, KeepsOrderAndFinishes) {
  Seen seen;
  AsyncSink sink = make_sink(seen);
  std::vector<int> expected;
  for (int i = 0; i < 200; ++i) sink.push({i, 0, {}}), expected.push_back(i);
  sink.finish();
  sink.abort();  // harmless now
  EXPECT_EQ(seen.widths, expected);
  EXPECT_TRUE(seen.is_finished);
  EXPECT_FALSE(seen.is_aborted);
}

TEST(AsyncSink, ErrorComesOutOfPushAndOfFinish) {
  Seen seen;
  AsyncSink sink = make_sink(seen, 2);
  const auto push_all = [&] {
    for (int i = 0; i < 200; ++i) sink.push({i, 0, {}});
  };
  EXPECT_ERROR(push_all(), ErrorKind::resource, "disk full at 2");
  EXPECT_ERROR(sink.push({9, 0, {}}), ErrorKind::resource, "disk full at 2");
  EXPECT_ERROR(sink.finish(), ErrorKind::resource, "disk full at 2");
  EXPECT_FALSE(seen.is_finished);
  sink.abort();
  EXPECT_TRUE(seen.is_aborted);
}

TEST(AsyncSink, ErrorOfTheLastFrameComesOutOfFinish) {
  Seen seen;
  AsyncSink sink = make_sink(seen, 2);
  for (int i = 0; i < 3; ++i) sink.push({i, 0, {}});
  EXPECT_ERROR(sink.finish(), ErrorKind::resource, "disk full at 2");
}

TEST(AsyncSink, ASlowEncoderHoldsTheProducerBack) {
  Seen seen;
  AsyncSink sink = make_sink(seen);
  seen.is_held = true;
  std::atomic<int> pushed = 0;
  std::thread producer([&] {
    for (int i = 0; i < 20; ++i) sink.push({i, 0, {}}), ++pushed;
  });
  while (seen.started == 0 || pushed < 4) std::this_thread::sleep_for(milliseconds(1));
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(pushed, 4);  // one in the encoder's hands and three queued
  seen.is_held = false;
  producer.join();
  sink.finish();
  EXPECT_EQ(seen.widths.size(), 20u);
}

TEST(AsyncSink, AbortDropsWhatIsQueued) {
  Seen seen;
  AsyncSink sink = make_sink(seen);
  seen.is_held = true;
  for (int i = 0; i < 3; ++i) sink.push({i, 0, {}});
  while (seen.started == 0) std::this_thread::sleep_for(milliseconds(1));
  std::thread release([&] {
    std::this_thread::sleep_for(milliseconds(50));
    seen.is_held = false;
  });
  sink.abort();
  release.join();
  EXPECT_EQ(seen.widths.size(), 1u);
  EXPECT_TRUE(seen.is_aborted);
  EXPECT_FALSE(seen.is_finished);
}

TEST(AsyncSink, DestructionAborts) {
  Seen seen;
  { AsyncSink sink = make_sink(seen); }
  EXPECT_TRUE(seen.is_aborted);
}

}  // namespace
}  // namespace soragen::media
