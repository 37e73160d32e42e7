// Against ffmpeg, which turns films upright by the same matrices.
#include "media/orientation.h"

#include "media/film_writer.h"
#include "media/reader.h"
#include "media/test_film.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::media {
namespace {
namespace fs = std::filesystem;

constexpr int kWidth = 64, kHeight = 48;

// Grey, since ffmpeg turns the picture before it makes RGB of it, which would move chroma by a part of a pixel.
void write_film(const fs::path& path) {
  const auto writer = open_film_writer(
      choose_format({.path = path.string(), .width = kWidth, .height = kHeight, .fps = {25, 1}, .crf = 0}), path);
  for (Frame frame : test::make_film(kWidth, kHeight, 2)) {
    for (size_t i = 0; i < frame.rgb.size(); ++i) frame.rgb[i] = frame.rgb[i - i % 3];
    writer->push(frame);
  }
  writer->finish();
}

// The nine numbers of the film's track, in place: the second matrix of the file, after the movie's own.
void set_matrix(const fs::path& path, const std::vector<int32_t>& matrix) {
  const std::string identity("\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\0\0", 36);
  FILE* file = std::fopen(path.c_str(), "r+b");
  std::string bytes(fs::file_size(path), '\0');
  ASSERT_EQ(std::fread(bytes.data(), 1, bytes.size(), file), bytes.size());
  const size_t place = bytes.find(identity, bytes.find("tkhd"));
  ASSERT_NE(place, std::string::npos);
  for (size_t i = 0; i < 9; ++i) {
    const auto value = static_cast<uint32_t>(matrix[i]);
    for (size_t byte = 0; byte < 4; ++byte) bytes[place + 4 * i + byte] = static_cast<char>(value >> (24 - 8 * byte));
  }
  std::rewind(file);
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
}

TEST(Orientation, TurnsAsFfmpegDoes) {
  const test::TempDir folder;
  const int32_t one = 1 << 16, unit = 1 << 30, right = kHeight * one, down = kWidth * one;
  const std::vector<std::vector<int32_t>> matrices = {
      {one, 0, 0, 0, one, 0, 0, 0, unit},           // upright
      {0, one, 0, -one, 0, 0, right, 0, unit},      // a phone held upright
      {0, -one, 0, one, 0, 0, 0, down, unit},       // and the other way round
      {-one, 0, 0, 0, -one, 0, down, right, unit},  // upside down
  };
  for (const auto& matrix : matrices) {
    write_film(folder / "film.mp4");
    set_matrix(folder / "film.mp4", matrix);
    Reader reader(folder / "film.mp4");
    ASSERT_TRUE(reader.info().video.orientation.has_value());
    const Orientation orientation = *reader.info().video.orientation;
    Frame stored, upright;
    ASSERT_TRUE(reader.next(stored));
    turn_upright(stored, orientation, upright);
    EXPECT_EQ(upright.width, orientation.swaps_sides() ? kHeight : kWidth);
    const auto expected = test::ffmpeg_frames("-i " + test::quoted(folder / "film.mp4"), upright.width, upright.height);
    EXPECT_GT(test::psnr(expected[0], upright), 50) << matrix[0] << " " << matrix[1];
  }
}

// All eight, by where three corners go: as the definition of the matrix says.
TEST(Orientation, EveryQuarterTurnAndMirror) {
  Frame stored{3, 2, std::vector<uint8_t>(18)};
  for (size_t i = 0; i < 18; ++i) stored.rgb[i] = static_cast<uint8_t>(i);
  for (const auto& [a, b, c, d] : std::vector<std::array<int, 4>>{{1, 0, 0, 1},
                                                                  {-1, 0, 0, 1},
                                                                  {1, 0, 0, -1},
                                                                  {-1, 0, 0, -1},
                                                                  {0, 1, 1, 0},
                                                                  {0, -1, 1, 0},
                                                                  {0, 1, -1, 0},
                                                                  {0, -1, -1, 0}}) {
    const int32_t one = 1 << 16;
    const int32_t matrix[9] = {a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30};
    const auto orientation = orientation_of(matrix);
    ASSERT_EQ(orientation, (Orientation{a, b, c, d}));
    Frame upright;
    turn_upright(stored, *orientation, upright);
    ASSERT_EQ(upright.width, a == 0 ? 2 : 3);
    ASSERT_EQ(upright.height, a == 0 ? 3 : 2);
    for (int y = 0; y < 2; ++y)
      for (int x = 0; x < 3; ++x) {
        // From the middle, in half pixels.
        const int from_x = 2 * x - 2, from_y = 2 * y - 1;
        const int to_x = (a * from_x + c * from_y + upright.width - 1) / 2,
                  to_y = (b * from_x + d * from_y + upright.height - 1) / 2;
        EXPECT_EQ(upright.rgb[static_cast<size_t>(3 * (to_y * upright.width + to_x))],
                  stored.rgb[static_cast<size_t>(3 * (y * 3 + x))]);
      }
  }
}

TEST(Orientation, RefusesWhatIsNoQuarterTurn) {
  const int32_t one = 1 << 16, unit = 1 << 30;
  for (const auto& matrix : std::vector<std::array<int32_t, 9>>{{46341, 46341, 0, -46341, 46341, 0, 0, 0, unit},
                                                                {one, one, 0, 0, one, 0, 0, 0, unit},
                                                                {0, 0, 0, 0, 0, 0, 0, 0, unit},
                                                                {one, 0, 0, one, 0, 0, 0, 0, unit},
                                                                {2 * one, 0, 0, 0, one, 0, 0, 0, unit},
                                                                {INT32_MIN, 0, 0, 0, INT32_MAX, 0, 0, 0, unit}})
    EXPECT_FALSE(orientation_of(matrix.data()).has_value());
}

}  // namespace
}  // namespace soragen::media
