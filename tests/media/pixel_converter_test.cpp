// Against BT.709's formulas in double (ITU-R BT.709-6, item 3): limited range, 8 bits.
#include "media/pixel_converter.h"

#include <gtest/gtest.h>

#include <array>

#include "media/test_film.h"

namespace soragen::media {
namespace {

std::array<double, 3> to_ycbcr(double r, double g, double b) {
  const double y = (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255, blue = (b / 255 - y) / 1.8556,
               red = (r / 255 - y) / 1.5748;
  return {16 + 219 * y, 128 + 224 * blue, 128 + 224 * red};
}

int sample(const AVFrame& picture, int plane, int x, int y) {
  return picture.data[plane][y * picture.linesize[plane] + x];
}

FramePtr to_yuv420(const Frame& frame) {
  FramePtr picture = make_picture(AV_PIX_FMT_YUV420P, frame.width, frame.height);
  PictureConverter(AV_PIX_FMT_YUV420P, frame.width, frame.height).convert(frame, *picture);
  return picture;
}

TEST(PictureConverter, FlatColoursAreBt709Limited) {
  for (const std::array<uint8_t, 3> colour :
       {std::array<uint8_t, 3>{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}, {0, 0, 0}, {17, 130, 201}}) {
    const FramePtr picture = to_yuv420(test::make_flat_frame(34, 18, colour));
    const std::array<double, 3> expected = to_ycbcr(colour[0], colour[1], colour[2]);
    for (int plane = 0; plane < 3; ++plane)
      for (const int x : {0, 5, 16})
        EXPECT_NEAR(sample(*picture, plane, x, 8), expected[plane], 0.75) << plane;  // 0.5 and swscale's 15 bits
  }
}

TEST(PictureConverter, LumaOfEveryPixel) {
  const Frame frame = test::make_frame(66, 34, 5);
  const FramePtr picture = to_yuv420(frame);
  for (int y = 0; y < frame.height; ++y)
    for (int x = 0; x < frame.width; ++x) {
      const uint8_t* pixel = &frame.rgb[3 * (size_t(y) * frame.width + x)];
      EXPECT_NEAR(sample(*picture, 0, x, y), to_ycbcr(pixel[0], pixel[1], pixel[2])[0], 0.75) << x << "," << y;
    }
}

TEST(PictureConverter, ChromaSitsOnTheLeftPixelBetweenTheRows) {
  // On a linear ramp a symmetric filter returns the value at its own position: half a pixel would be 1.75 levels.
  Frame across{64, 32, {}}, down{32, 64, {}};
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 64; ++x) across.rgb.insert(across.rgb.end(), {0, 0, uint8_t(std::min(8 * x, 255))});
  for (int y = 0; y < 64; ++y)
    for (int x = 0; x < 32; ++x) down.rgb.insert(down.rgb.end(), {0, 0, uint8_t(std::min(8 * y, 255))});
  const FramePtr picture_across = to_yuv420(across), picture_down = to_yuv420(down);
  for (int i = 3; i < 12; ++i) {
    EXPECT_NEAR(sample(*picture_across, 1, i, 8), to_ycbcr(0, 0, 8 * (2 * i))[1], 0.75) << i;
    EXPECT_NEAR(sample(*picture_down, 1, 8, i), to_ycbcr(0, 0, 8 * (2 * i + 0.5))[1], 0.75) << i;
  }
}

TEST(FrameConverter, ReadsByTagsAndByConvention) {
  struct Case {
    AVColorSpace matrix;
    bool assume_bt709;
    int width, height;
    bool is_bt709;
  };
  const Frame red_sd = test::make_flat_frame(64, 32, {255, 0, 0}),
              red_hd = test::make_flat_frame(1280, 720, {255, 0, 0});
  for (const Case& c :
       {Case{AVCOL_SPC_BT709, false, 64, 32, true}, Case{AVCOL_SPC_UNSPECIFIED, true, 64, 32, true},
        Case{AVCOL_SPC_UNSPECIFIED, false, 64, 32, false}, Case{AVCOL_SPC_UNSPECIFIED, false, 1280, 720, true}}) {
    const FramePtr picture = to_yuv420(c.width == 64 ? red_sd : red_hd);
    picture->colorspace = c.matrix;
    picture->color_range = AVCOL_RANGE_MPEG;
    picture->chroma_location = AVCHROMA_LOC_LEFT;
    Frame back;
    FrameConverter(c.assume_bt709).convert(*picture, back);
    // BT.709 red read as BT.601 is a visibly darker red with some green in it.
    EXPECT_EQ(back.rgb[0] >= 253 && back.rgb[1] <= 2, c.is_bt709) << int(back.rgb[0]) << " " << int(back.rgb[1]);
  }
}

TEST(FrameConverter, GoesThroughRgbUnchanged) {
  const Frame frame = test::make_frame(35, 21, 1);
  for (const AVPixelFormat format : {AV_PIX_FMT_BGR0, AV_PIX_FMT_RGB24}) {
    FramePtr picture = make_picture(format, 35, 21);
    PictureConverter(format, 35, 21).convert(frame, *picture);
    Frame back;
    FrameConverter(false).convert(*picture, back);
    EXPECT_EQ(back.rgb, frame.rgb);
  }
}

}  // namespace
}  // namespace soragen::media
