// What the mark costs the picture, measured here from the definitions of PSNR and SSIM.
#include "provenance/watermark/embedder.h"

#include <gtest/gtest.h>

#include "provenance/watermark/scenery.h"
#include "support/expect_error.h"

namespace soragen::provenance::watermark {
namespace {

Frame marked(const Frame& frame, const Settings& settings = {.id = 1}) {
  Frame copy = frame;
  Embedder(settings, frame.width, frame.height, 0).mark(copy);
  return copy;
}

Frame flat(int width, int height, uint8_t level) {
  return {width, height, std::vector<uint8_t>(size_t(3) * width * height, level)};
}

// Smooth random fields lose as much similarity as the embedder predicts at most, 0.0172; films lose less.
// The last part is for what the prediction leaves out: luminance, and that it looks at every fourth pixel.
constexpr double kLeastSimilarity = 1 - 0.0172 - 0.001;

TEST(Embedder, KeepsBothLimitsOnABusyPicture) {
  const Frame frame = test::Scenery(1, 1.5).frame(960, 720, 0, 0);
  const Frame copy = marked(frame);
  EXPECT_GE(test::psnr(frame, copy), 42);
  EXPECT_LE(test::psnr(frame, copy), 42.5);  // and no weaker than it may be
  EXPECT_GE(test::ssim(frame, copy), kLeastSimilarity);
}

TEST(Embedder, IsGentleInTheSky) {
  const Frame frame = test::Scenery(2, 1.5).frame(960, 720, 0, 0, true);
  const Frame copy = marked(frame);
  EXPECT_GE(test::psnr(frame, copy), 42);
  EXPECT_GE(test::ssim(frame, copy), kLeastSimilarity);
  double sky = 0, rest = 0;
  for (int y = 0; y < 720; ++y)
    for (int x = 0; x < 960; ++x) {
      const double error = std::pow(test::luma(frame, x, y) - test::luma(copy, x, y), 2);
      if (x < 300) sky += error / (300 * 720);
      if (x >= 340) rest += error / (620 * 720);
    }
  EXPECT_LT(sky, rest / 2);
  EXPECT_LT(std::sqrt(sky), 1.1);  // grey levels: 1, and rounding
}

TEST(Embedder, HidesLittleInAFlatFrame) {
  const Frame frame = flat(960, 720, 128);
  EXPECT_GE(test::ssim(frame, marked(frame)), kLeastSimilarity);
  // A squared error of 1, and a twelfth for rounding. The tile is of unit power over whole periods only: 5 %.
  EXPECT_NEAR(test::psnr(frame, marked(frame)), 10 * std::log10(255 * 255 / (1 + 1. / 12)), 0.25);
}

TEST(Embedder, FollowsTheAskedPsnr) {
  const Frame frame = test::Scenery(3, 1.3).frame(640, 480, 0, 0);
  for (const double wanted : {44., 48.}) {
    const double found = test::psnr(frame, marked(frame, {.id = 1, .psnr = wanted}));
    EXPECT_GE(found, wanted);
    EXPECT_LE(found, wanted + 0.3);
  }
}

TEST(Embedder, SmallFormIsAllowedMore) {
  const Frame frame = test::Scenery(4, 1.3).frame(256, 144, 0, 0);
  Embedder embedder({.id = 0x12345678}, 256, 144, 16);
  EXPECT_EQ(embedder.form(), Form::small);
  EXPECT_EQ(embedder.id(), 0x5678u);
  Frame copy = frame;
  embedder.mark(copy);
  EXPECT_GE(test::psnr(frame, copy), 40);
  EXPECT_LE(test::psnr(frame, copy), 40.5);
}

TEST(Embedder, ChangesLumaOnly) {
  const Frame frame = test::Scenery(5).frame(320, 320, 0, 0);
  const Frame copy = marked(frame);
  for (size_t i = 0; i < frame.rgb.size(); i += 3) {
    const int delta = copy.rgb[i] - frame.rgb[i];
    ASSERT_EQ(copy.rgb[i + 1] - frame.rgb[i + 1], delta);
    ASSERT_EQ(copy.rgb[i + 2] - frame.rgb[i + 2], delta);
  }
}

TEST(Embedder, StopsAtBlackAndWhite) {
  for (const uint8_t level : {0, 255})
    for (const uint8_t value : marked(flat(320, 320, level)).rgb) ASSERT_NEAR(value, level, 40);
}

TEST(Embedder, AnySizeIsMarked) {
  for (const auto& [width, height] : {std::pair{1, 1}, {2, 3}, {17, 301}, {4000, 1}, {1, 700}, {853, 481}}) {
    const Frame frame = flat(width, height, 128);
    EXPECT_EQ(marked(frame).rgb.size(), frame.rgb.size());
  }
}

TEST(Embedder, RefusesWhatItCannotMark) {
  EXPECT_ERROR(Embedder({}, 0, 720, 0), ErrorKind::usage, "0x720");
  EXPECT_ERROR(Embedder({.psnr = 10}, 64, 64, 0), ErrorKind::usage, "30 to 52");
  Embedder embedder({}, 64, 64, 0);
  Frame other = flat(64, 32, 0);
  EXPECT_ERROR(embedder.mark(other), ErrorKind::input, "64x32");
}

}  // namespace
}  // namespace soragen::provenance::watermark
