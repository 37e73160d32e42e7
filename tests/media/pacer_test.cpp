// What is on the screen at every moment of the constant film, against what the times of the irregular one say.
#include "media/pacer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

#include "core/cancellation.h"
#include "support/expect_error.h"

namespace soragen::media {
namespace {

struct Numbers final : FrameSink {
  std::vector<int> written;
  void push(const Frame& frame) override { written.push_back(frame.width); }
  void finish() override {}
  void abort() noexcept override {}
};

struct Film {
  std::vector<int64_t> times;  // microseconds
  int64_t end = 0;
};

// A frame is known by its width.
std::vector<int> paced(const Film& film, const Rational& fps, int64_t* dropped = nullptr) {
  Numbers sink;
  Pacer pacer(sink, fps);
  int number = 0;
  for (const int64_t time : film.times) {
    Frame frame{.width = number++};
    pacer.push(frame, time);
  }
  pacer.finish(film.end);
  EXPECT_EQ(pacer.written(), static_cast<int64_t>(sink.written.size()));
  const auto shown = std::set<int>(sink.written.begin(), sink.written.end()).size();
  EXPECT_EQ(pacer.dropped(), static_cast<int64_t>(film.times.size() - shown));
  EXPECT_EQ(pacer.repeated(), pacer.written() - static_cast<int64_t>(shown));
  if (dropped != nullptr) *dropped = pacer.dropped();
  return sink.written;
}

std::vector<int> counted(int count) {
  std::vector<int> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

Film constant(const Rational& fps, int count, int64_t unit, int64_t offset = 0) {
  Film film;
  for (int i = 0; i <= count; ++i) {
    const double time = 1e6 * i / fps.value() + static_cast<double>(offset);
    film.times.push_back(std::llround(time / static_cast<double>(unit)) * unit);
  }
  film.end = film.times.back();
  film.times.pop_back();
  return film;
}

// Matroska rounds to 1 ms; offsets of half a frame must not tip single frames over.
TEST(Pacer, AConstantRateKeepsEveryFrame) {
  for (const Rational& fps : {Rational{24, 1}, {30000, 1001}, {60, 1}, {120, 1}, {12, 1}})
    for (const int64_t unit : {1, 1000}) EXPECT_EQ(paced(constant(fps, 400, unit), fps), counted(400)) << fps.value();
}

TEST(Pacer, ALateStartShowsTheFirstFrame) {
  const Rational fps{25, 1};
  for (const int64_t offset : {500'000, 510'000, 519'999, 20'000}) {
    const std::vector<int> written = paced(constant(fps, 100, 1000, offset), fps);
    const auto first = static_cast<size_t>(std::llround(static_cast<double>(offset) / 40'000.0));
    ASSERT_EQ(written.size(), first + 100) << offset;
    EXPECT_EQ(std::vector<int>(written.begin() + static_cast<long>(first), written.end()), counted(100));
    for (size_t i = 0; i < first; ++i) EXPECT_EQ(written[i], 0);
  }
}

// The definition of being in time: what is shown at t was to be shown within half a frame of it.
TEST(Pacer, AnIrregularFilmStaysInTime) {
  std::mt19937 random(7);
  for (const Rational& fps : {Rational{24, 1}, {60, 1}}) {
    Film film;
    int64_t time = 0;
    for (int i = 0; i < 500; ++i, time += 1000 + static_cast<int64_t>(random() % 120'000)) film.times.push_back(time);
    film.end = time;
    const std::vector<int> written = paced(film, fps);
    EXPECT_NEAR(static_cast<double>(written.size()) / fps.value(), static_cast<double>(film.end) * 1e-6,
                1 / fps.value());
    for (size_t slot = 0; slot < written.size(); ++slot) {
      const double at = 1e6 * static_cast<double>(slot) / fps.value(), half = 0.5e6 / fps.value() + 1;
      const auto frame = static_cast<size_t>(written[slot]);
      EXPECT_LE(static_cast<double>(film.times[frame]), at + half);
      const int64_t next = frame + 1 < film.times.size() ? film.times[frame + 1] : film.end;
      EXPECT_GE(static_cast<double>(next), at - half);
    }
  }
}

TEST(Pacer, OfTwoFramesInOneSlotTheLaterIsShown) {
  int64_t dropped = 0;
  EXPECT_EQ(paced({{0, 40'000, 41'000, 80'000}, 120'000}, {25, 1}, &dropped), (std::vector<int>{0, 2, 3}));
  EXPECT_EQ(dropped, 1);
}

TEST(Pacer, TheLastFrameLastsItsTime) {
  EXPECT_EQ(paced({{0, 40'000}, 200'000}, {25, 1}), (std::vector<int>{0, 1, 1, 1, 1}));
  EXPECT_EQ(paced({{0}, 0}, {25, 1}), std::vector<int>{0});
}

TEST(Pacer, TimesOfHostileFiles) {
  EXPECT_ERROR(paced({{0, 4'000'000'000}, 0}, {25, 1}), ErrorKind::input, "frame 0 stands still for 4000 s");
  EXPECT_ERROR(paced({{4'000'000'000}, 0}, {25, 1}), ErrorKind::input, "stands still");
  EXPECT_ERROR(paced({{0}, 1'000'000'000'000'000}, {25, 1}), ErrorKind::input, "stands still");
  EXPECT_EQ(paced({{-1'000'000, -960'000, -2'000'000'000}, 0}, {25, 1}).back(),
            2);  // backwards: in order, none made up
}

TEST(Pacer, ALongStillCanBeInterrupted) {
  request_cancellation();
  EXPECT_ERROR(paced({{0}, 3'000'000'000}, {60, 1}), ErrorKind::interrupted, "interrupted");
  reset_cancellation();
}

}  // namespace
}  // namespace soragen::media
