// Marked films are read, others are not. Codecs are left to scripts/bench_watermark.
#include "provenance/watermark/detector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <random>

#include "provenance/watermark/embedder.h"
#include "provenance/watermark/scenery.h"
#include "provenance/watermark/search.h"
#include "support/expect_error.h"

namespace soragen::provenance::watermark {
namespace {

constexpr uint32_t kId = 0xC0FFEE42;
using Change = std::function<Frame(const Frame&)>;

struct Film {
  int width = 640, height = 360, frames = 4;
  bool is_marked = true;
  Key key = public_key();
  Change change = [](const Frame& frame) { return frame; };
};

Detection read(const Film& film, Effort effort = Effort::fixed, const Key& key = public_key()) {
  const test::Scenery scenery(7);
  Embedder embedder({.id = kId, .key = film.key}, film.width, film.height, 0);
  Detector detector(key);
  for (int i = 0; i < film.frames; ++i) {
    Frame frame = scenery.frame(film.width, film.height, 9 * i, 4 * i, true);
    if (film.is_marked) embedder.mark(frame);
    detector.add(film.change(frame));
  }
  return detector.detect(effort);
}

Frame remap(const Frame& frame, int width, int height, const std::function<std::pair<double, double>(int, int)>& from) {
  Frame out{width, height, std::vector<uint8_t>(size_t(3) * width * height)};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const auto [u, v] = from(x, y);
      const auto column = static_cast<int>(std::floor(u)), row = static_cast<int>(std::floor(v));
      if (column < 0 || row < 0 || column + 1 >= frame.width || row + 1 >= frame.height) continue;
      for (int c = 0; c < 3; ++c) {
        const auto at = [&](int dx, int dy) {
          return double(frame.rgb[3 * (size_t(row + dy) * frame.width + column + dx) + c]);
        };
        const double across = u - column, down = v - row;
        out.rgb[3 * (size_t(y) * width + x) + c] =
            static_cast<uint8_t>(std::lround((at(0, 0) * (1 - across) + at(1, 0) * across) * (1 - down) +
                                             (at(0, 1) * (1 - across) + at(1, 1) * across) * down));
      }
    }
  return out;
}

Frame crop(const Frame& frame, int left, int top, int width, int height) {
  return remap(frame, width, height, [=](int x, int y) { return std::pair<double, double>(x + left, y + top); });
}

Frame mirror(const Frame& frame) {
  return remap(frame, frame.width - 1, frame.height,
               [&](int x, int y) { return std::pair<double, double>(frame.width - 2 - x, y); });
}

Frame quarter_turn(const Frame& frame) {  // counter-clockwise
  return remap(frame, frame.height, frame.width - 1,
               [&](int x, int y) { return std::pair<double, double>(frame.width - 2 - y, x); });
}

Frame rotate(const Frame& frame, double degrees) {  // counter-clockwise about the centre
  const double c = std::cos(degrees * M_PI / 180), s = std::sin(degrees * M_PI / 180);
  return remap(frame, frame.width, frame.height, [&](int x, int y) {
    const double dx = x - frame.width / 2., dy = y - frame.height / 2.;
    return std::pair(frame.width / 2. + c * dx - s * dy, frame.height / 2. + s * dx + c * dy);
  });
}

void expect_found(const Detection& detection, uint32_t id = kId) {
  EXPECT_TRUE(detection.found) << detection.score;
  EXPECT_EQ(detection.id, id);
  EXPECT_GT(detection.score, 8);
}

TEST(Detector, ReadsAMarkedFilm) {
  const Detection detection = read({});
  expect_found(detection);
  EXPECT_EQ(detection.bits_corrected, 0);
  EXPECT_EQ(detection.form, Form::standard);
  EXPECT_NEAR(detection.tile_width, tile_period(640, 360), 0.5);
  EXPECT_NEAR(detection.tile_height, tile_period(640, 360), 0.5);
  EXPECT_NEAR(detection.rotation, 0, 0.2);
  EXPECT_FALSE(detection.mirrored);
  const std::vector<uint8_t> sent = encode_message(Form::standard, kId);
  for (size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(detection.soft_bits[i] > 0, sent[i] == 1) << i;
}

TEST(Detector, FindsNothingInAnUnmarkedFilm) {
  const Detection detection = read({.is_marked = false}, Effort::full);
  EXPECT_FALSE(detection.found);
  EXPECT_LT(detection.score, 8);
}

TEST(Detector, FindsNothingWithAnotherKey) {
  Key key = public_key();
  key[0] ^= 1;
  EXPECT_FALSE(read({}, Effort::fixed, key).found);
  expect_found(read({.key = key}, Effort::fixed, key));
}

TEST(Detector, ReadsOddUprightAndLargeFilms) {
  expect_found(read({.width = 853, .height = 481, .frames = 2}));
  expect_found(read({.width = 360, .height = 641, .frames = 2}));
  const Detection large = read({.width = 1280, .height = 720, .frames = 2});
  expect_found(large);
  EXPECT_NEAR(large.tile_width, tile_period(1280, 720), 1);
}

TEST(Detector, ReadsTheSmallForm) {
  for (const auto& [width, height] : {std::pair{256, 144}, {128, 128}}) {
    const Detection detection = read({.width = width, .height = height, .frames = 8});
    EXPECT_EQ(detection.form, Form::small);
    EXPECT_TRUE(detection.found) << detection.score;
    EXPECT_EQ(detection.id, kId & 0xFFFF);
  }
}

// In a film with its edges, a pilot that a search would take for chance (below 5) is believed where it must lie.
TEST(Detector, BelievesAFaintPilotWhereItMustLie) {
  std::mt19937 random(3);
  std::normal_distribution<float> noise(0, 108);
  const test::Scenery scenery(7);
  const WorkingSize size = working_size(128, 160);
  Plane sum{size.width, size.height, std::vector<float>(size_t(size.width) * size.height)};
  Embedder embedder({.id = kId}, 128, 160, 0);
  for (int i = 0; i < 8; ++i) {
    Frame frame = scenery.frame(128, 160, 9 * i, 4 * i, true);
    embedder.mark(frame);
    for (uint8_t& value : frame.rgb) value = static_cast<uint8_t>(std::clamp(value + noise(random), 0.f, 255.f));
    const Plane picture = whitened_picture(frame, size);
    for (size_t k = 0; k < sum.values.size(); ++k) sum.values[k] += picture.values[k];
  }
  const Spectrum spectrum(sum);
  PilotSearch(public_key(), spectrum, size).run(Effort::fixed, [&](const Candidate& candidate, double least) {
    EXPECT_EQ(candidate.form, Form::small);
    EXPECT_EQ(candidate.placement.symmetry, 0);
    EXPECT_NEAR(candidate.placement.shift_u, 64 / tile_period(128, 160), 0.02);
    EXPECT_NEAR(candidate.placement.shift_v, 80 / tile_period(128, 160), 0.02);
    EXPECT_GT(candidate.score, least);
    EXPECT_LT(candidate.score, 5);
    return true;
  });
}

TEST(Detector, KnowsWhereAMarkMustLieInMirroredAndTurnedFilms) {
  Frame frame = test::Scenery(7).frame(641, 360, 0, 0, true);
  Embedder({.id = kId}, frame.width, frame.height, 0).mark(frame);
  for (int symmetry = 0; symmetry < 8; ++symmetry) {
    Frame seen = symmetry & 1 ? mirror(frame) : frame;
    for (int turns = symmetry >> 1; turns > 0; --turns) seen = quarter_turn(seen);
    const WorkingSize size = working_size(seen.width, seen.height);
    const Spectrum spectrum(whitened_picture(seen, size));
    std::optional<Candidate> first;
    PilotSearch(public_key(), spectrum, size).run(Effort::fixed, [&](const Candidate& candidate, double least) {
      EXPECT_LT(least, 5) << "a searched one";
      first = candidate;
      return true;
    });
    ASSERT_TRUE(first);
    EXPECT_GT(first->score, 8) << symmetry;
    EXPECT_EQ(first->placement.symmetry & 1, symmetry & 1);
  }
}

TEST(Detector, ReadsMirroredFilms) {
  const Detection detection = read({.change = mirror});
  expect_found(detection);
  EXPECT_TRUE(detection.mirrored);
}

TEST(Detector, ReadsQuarterTurns) {
  const Detection detection = read({.change = quarter_turn});
  expect_found(detection);
  EXPECT_NEAR(detection.rotation, 90, 0.2);
}

TEST(Detector, ReadsSmallRotations) {
  for (const double degrees : {-4., 10.}) {
    const Detection detection = read({.change = [=](const Frame& f) { return rotate(f, degrees); }}, Effort::full);
    expect_found(detection);
    EXPECT_NEAR(detection.rotation, degrees, 0.2);
  }
}

TEST(Detector, ReadsCrops) {
  const Detection detection = read(
      {.width = 960, .height = 720, .change = [](const Frame& f) { return crop(f, 133, 89, 682, 512); }}, Effort::full);
  expect_found(detection);
  EXPECT_NEAR(detection.tile_width, tile_period(960, 720), 1);  // the film's own, not the crop's
}

TEST(Detector, FramesThatShowTheMarkCountMore) {
  // Where the mark lies in a film that was left as it is, by the embedder's contract: the tile begins at the corner.
  const int width = 640, height = 360;
  const double period = tile_period(width, height);
  const Placement placement{
      .period_x = period, .period_y = period, .shift_u = width / 2 / period, .shift_v = height / 2 / period};
  const Frame plain = test::Scenery(8).frame(width, height, 0, 0);
  Frame marked = test::Scenery(9).frame(width, height, 0, 0);
  Embedder({.id = kId}, width, height, 0).mark(marked);
  const WorkingSize size = working_size(width, height);
  const std::vector<SmallPicture> pictures = {shrink(whitened_picture(plain, size)),
                                              shrink(whitened_picture(marked, size))};
  Plane average{width, height, {}};
  for (size_t i = 0; i < pictures[0].values.size(); ++i)
    average.values.push_back(static_cast<float>(pictures[0].values[i] + pictures[1].values[i]));
  const Plane sum =
      weighted_sum(pictures, Spectrum(average), placement, pilot_of(make_carriers(Form::standard, public_key())));
  // The two frames have nothing in common, so each one's weight is the sum's projection on it.
  double weights[2] = {};
  for (int frame = 0; frame < 2; ++frame) {
    double product = 0, power = 0;
    for (size_t i = 0; i < sum.values.size(); ++i) {
      product += sum.values[i] * pictures[frame].values[i];
      power += double(pictures[frame].values[i]) * pictures[frame].values[i];
    }
    weights[frame] = product / power;
  }
  EXPECT_GT(weights[1], 10 * std::abs(weights[0]));
}

TEST(Detector, ReadsStretchedFilms) {
  const Change change = [](const Frame& frame) {
    return remap(frame, 480, 360, [](int x, int y) { return std::pair(x * 639. / 480, double(y)); });
  };
  const Detection detection = read({.change = change}, Effort::full);
  expect_found(detection);
  EXPECT_NEAR(detection.tile_width, tile_period(640, 360) * 480 / 639, 0.5);
}

TEST(Detector, AnySizeIsLookedAt) {
  for (const auto& [width, height] : {std::pair{1, 1}, {2, 3}, {6000, 1}, {3, 900}, {3000, 60}, {49, 49}}) {
    Detector detector;
    detector.add(test::Scenery(1).frame(width, height, 0, 0));
    EXPECT_FALSE(detector.detect(Effort::fixed).found) << width << "x" << height;
  }
  EXPECT_FALSE(Detector().detect(Effort::full).found);
  Detector flat;
  flat.add({320, 200, std::vector<uint8_t>(3 * 320 * 200, 128)});
  EXPECT_FALSE(flat.detect(Effort::fixed).found);
}

TEST(Detector, RefusesFramesThatDoNotFit) {
  Detector detector;
  detector.add(test::Scenery(1).frame(64, 64, 0, 0));
  EXPECT_ERROR(detector.add(test::Scenery(1).frame(64, 65, 0, 0)), ErrorKind::input, "64x65");
  EXPECT_ERROR(detector.add({2, 2, {1, 2, 3}}), ErrorKind::input, "2x2");
}

}  // namespace
}  // namespace soragen::provenance::watermark
