#include "media/palette.h"

#include <gtest/gtest.h>

#include <cmath>
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

Frame nearest_colours(const Frame& frame, const IndexedImage& image) {
  IndexedImage nearest = image;
  const std::set<uint8_t> used(image.index.begin(), image.index.end());
  for (size_t pixel = 0; pixel < nearest.index.size(); ++pixel) {
    int best = 1 << 20;
    for (const uint8_t candidate : used) {
      int distance = 0;
      for (const int axis : {0, 1, 2}) {
        const int difference = frame.rgb[3 * pixel + axis] - int(image.palette[candidate] >> (16 - 8 * axis) & 255);
        distance += difference * difference;
      }
      if (distance < best) best = distance, nearest.index[pixel] = candidate;
    }
  }
  return rebuild(nearest, frame.width, frame.height);
}

// Root mean square difference of the means of blocks of 4x4: what an eye that blurs sees.
double blurred_difference(const Frame& a, const Frame& b) {
  double sum = 0;
  for (int top = 0; top < a.height; top += 4)
    for (int left = 0; left < a.width; left += 4)
      for (int axis = 0; axis < 3; ++axis) {
        double block = 0;
        for (int i = 0; i < 16; ++i) {
          const size_t at = 3 * (size_t(top + i / 4) * a.width + left + i % 4) + axis;
          block += (double(a.rgb[at]) - b.rgb[at]) / 16;
        }
        sum += block * block;
      }
  return std::sqrt(sum * 16 / static_cast<double>(a.rgb.size()));
}

TEST(Palette, DitheringKeepsLocalMeans) {
  Frame frame{128, 128, {}};  // 16384 colours, far more than a palette has
  for (int y = 0; y < 128; ++y)
    for (int x = 0; x < 128; ++x) {
      const int sum = x + y;
      for (const int value : {2 * x, 2 * y, 255 - sum}) frame.rgb.push_back(static_cast<uint8_t>(value));
    }
  const IndexedImage image = quantize(frame);
  const double nearest = blurred_difference(frame, nearest_colours(frame, image));
  EXPECT_GT(nearest, 2);  // the picture is a test at all
  EXPECT_LT(blurred_difference(frame, rebuild(image, 128, 128)), nearest / 2);
}

TEST(Palette, IsAsGoodAsFfmpegs) {
  const test::TempDir folder;
  const int width = 160, height = 96;
  const std::vector<Frame> film = {test::make_frame(width, height, 3)};
  test::write_raw(film, folder / "film.rgb");
  test::run("ffmpeg -v error -f rawvideo -pix_fmt rgb24 -s 160x96 -r 16 -i " + test::quoted(folder / "film.rgb") +
            " -vf 'split[a][b];[a]palettegen=stats_mode=single:reserve_transparent=0[p];[b][p]paletteuse=new=1' " +
            test::quoted(folder / "reference.gif"));
  const std::vector<Frame> reference =
      test::ffmpeg_frames("-i " + test::quoted(folder / "reference.gif"), width, height);
  EXPECT_GE(test::psnr(film[0], rebuild(quantize(film[0]), width, height)), test::psnr(film[0], reference.at(0)));
}

}  // namespace
}  // namespace soragen::media
