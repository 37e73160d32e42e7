// The label is there, readable in size, in its corner and nowhere else.
#include "provenance/label/label.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace soragen::provenance {
namespace {

Frame grey(int width, int height) {
  return {width, height, std::vector<uint8_t>(static_cast<size_t>(width) * static_cast<size_t>(height) * 3, 128)};
}

struct Bounds {
  int left = 1 << 30, top = 1 << 30, right = -1, bottom = -1;
};

// Of the pixels that `is` holds for.
template <typename Predicate>
Bounds bounds(const Frame& frame, Predicate is) {
  Bounds found;
  for (int y = 0; y < frame.height; ++y)
    for (int x = 0; x < frame.width; ++x) {
      if (!is(frame.rgb[3 * static_cast<size_t>(y * frame.width + x)])) continue;
      found = {std::min(found.left, x), std::min(found.top, y), std::max(found.right, x), std::max(found.bottom, y)};
    }
  return found;
}

Frame labelled(const std::string& text, int width, int height) {
  Frame frame = grey(width, height);
  Label(text, width, height).draw(frame);
  return frame;
}

TEST(Label, IsWhiteOnADarkPlateInTheLowerRightCorner) {
  const Frame frame = labelled("Made with AI", 640, 360);
  const Bounds plate = bounds(frame, [](uint8_t v) { return v != 128; });
  EXPECT_GT(plate.left, 320);
  EXPECT_GT(plate.top, 300);
  EXPECT_LT(plate.right, 640);
  EXPECT_LT(plate.bottom, 360);
  EXPECT_NEAR(frame.rgb[3 * static_cast<size_t>((plate.top + 1) * 640 + (plate.left + plate.right) / 2)], 128 * 0.55,
              1.5);
  const Bounds ink = bounds(frame, [](uint8_t v) { return v > 230; });
  EXPECT_GE(ink.bottom - ink.top + 1, 360 / 20 * 7 / 10);  // capital letters are 0.7 of a font's size
  EXPECT_GT(ink.right - ink.left, 100);
}

TEST(Label, ColoursStayColours) {
  Frame frame = grey(128, 128);
  for (size_t i = 0; i < frame.rgb.size(); i += 3) frame.rgb[i] = 255, frame.rgb[i + 1] = 0;
  Label("AI", 128, 128).draw(frame);
  for (size_t i = 0; i < frame.rgb.size(); i += 3) {
    EXPECT_GE(frame.rgb[i] + 1, frame.rgb[i + 2]);
    EXPECT_GE(frame.rgb[i + 2] + 1, frame.rgb[i + 1]);
  }
}

TEST(Label, LongTextWraps) {
  const std::string text = "This film was made by a machine and shows nothing that ever happened";
  const Bounds plate = bounds(labelled(text, 640, 360), [](uint8_t v) { return v != 128; });
  EXPECT_GE(plate.left, 0);
  EXPECT_LT(plate.top, 330);
}

TEST(Label, SmallFilms) {
  EXPECT_LT(bounds(labelled("AI", 64, 64), [](uint8_t v) { return v != 128; }).right, 64);
  EXPECT_ERROR(Label("Made with AI", 16, 16), ErrorKind::usage, "a shorter one fits");
}

TEST(Label, RefusesWhatItCannotShow) {
  EXPECT_ERROR(Label("", 640, 360), ErrorKind::usage, "empty");
  EXPECT_ERROR(Label("a\nb", 640, 360), ErrorKind::usage, "control character");
  EXPECT_ERROR(Label("\xff\xfe", 640, 360), ErrorKind::usage, "not UTF-8");
  EXPECT_ERROR(Label(std::string(1000, 'x'), 640, 360), ErrorKind::usage, "1000 bytes");
  EXPECT_ERROR(Label("\xF4\x80\x80\x80", 640, 360), ErrorKind::unsupported, "no font");  // U+100000, private use
}

TEST(Label, China) { EXPECT_EQ(label_text("cn"), "AI生成"); }

}  // namespace
}  // namespace soragen::provenance
