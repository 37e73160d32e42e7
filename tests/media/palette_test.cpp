#include "media/palette.h"

#include <gtest/gtest.h>

#include <set>

#include "media/test_film.h"
#include "support/temp_dir.h"

namespace soragen::media {
namespace {

Frame rebuild(const IndexedImage& image, int width, int height) {
  Frame frame{width, height, {}};
  for (const uint8_t index : image.index)
    for (const int shift : {16, 8, 0}) frame.rgb.push_back(static_cast<uint8_t>(image.palette[index] >> shift));
  return frame;
}

TEST(Palette, KeepsAFewColoursExactly) {
  Frame frame = test::make_flat_frame(16, 16, {255, 0, 0});
  for (size_t pixel = 0; pixel < 100; ++pixel) frame.rgb[3 * pixel + 1] = 255, frame.rgb[3 * pixel + 2] = 64;
  for (size_t pixel = 200; pixel < 210; ++pixel) frame.rgb[3 * pixel] = 0;
  EXPECT_EQ(rebuild(quantize(frame), 16, 16).rgb, frame.rgb);
}

TEST(Palette, TakesASinglePixel) {
  const Frame frame = test::make_flat_frame(1, 1, {1, 2, 3});
  EXPECT_EQ(rebuild(quantize(frame), 1, 1).rgb, frame.rgb);
}

TEST(Palette, DitheringKeepsTheMean) {
  // A ramp in more colours than a palette has: where diffusion is right, local means survive quantising.
  Frame frame{256, 64, {}};
  for (int y = 0; y < 64; ++y)
    for (int x = 0; x < 256; ++x) frame.rgb.insert(frame.rgb.end(), {uint8_t(x), uint8_t(4 * y), uint8_t(255 - x)});
  const IndexedImage image = quantize(frame);
  EXPECT_GT(std::set<uint8_t>(image.index.begin(), image.index.end()).size(), 200u);
  const Frame back = rebuild(image, 256, 64);
  for (int left = 16; left < 240; left += 16) {
    double error[3] = {};
    for (int y = 16; y < 48; ++y)
      for (int x = left; x < left + 16; ++x)
        for (int axis = 0; axis < 3; ++axis) {
          const size_t at = 3 * (size_t(y) * 256 + x) + axis;
          error[axis] += double(back.rgb[at]) - frame.rgb[at];
        }
    // Diffusion moves error only between neighbours, so a block's own is what crossed its border: at most its perimeter of
    // 96 pixels times a palette step (32 here), in both signs. Without diffusion the mean is off by up to half a step.
    for (const double sum : error) EXPECT_LT(std::abs(sum) / (16 * 32), 96.0 * 32 / 2 / (16 * 32)) << left;
  }
}

TEST(Palette, IsAsGoodAsFfmpegs) {
  const test::TempDir folder;
  const int width = 160, height = 96;
  const std::vector<Frame> film = {test::make_frame(width, height, 3)};
  test::write_raw(film, folder / "film.rgb");
  test::run("ffmpeg -v error -f rawvideo -pix_fmt rgb24 -s 160x96 -r 16 -i " + test::quoted(folder / "film.rgb") +
            " -vf 'split[a][b];[a]palettegen=stats_mode=single:reserve_transparent=0[p];[b][p]paletteuse=new=1' " + test::quoted(folder / "reference.gif"));
  const std::vector<Frame> reference = test::ffmpeg_frames("-i " + test::quoted(folder / "reference.gif"), width, height);
  EXPECT_GE(test::psnr(film[0], rebuild(quantize(film[0]), width, height)), test::psnr(film[0], reference.at(0)));
}

}  // namespace
}  // namespace soragen::media
