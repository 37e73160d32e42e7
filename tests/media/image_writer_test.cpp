#include "media/image_writer.h"

#include "media/reader.h"
#include "media/test_film.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::media {
namespace {

TEST(NumberedName, CountsAndRecognises) {
  const NumberedName padded = parse_numbered_name("shot_%04d.png"), plain = parse_numbered_name("%d.png");
  EXPECT_EQ(padded.at(7), "shot_0007.png");
  EXPECT_EQ(padded.at(12345), "shot_12345.png");
  EXPECT_EQ(plain.at(7), "7.png");
  EXPECT_EQ(parse_numbered_name("a{}%09d.png").at(1), "a{}000000001.png");
  EXPECT_TRUE(padded.matches("shot_0001.png"));
  EXPECT_TRUE(padded.matches("shot_10001.png"));
  for (const char* other : {"shot_001.png", "shot_000a.png", "shot_.png", "shot_0001.jpg", "0001.png"})
    EXPECT_FALSE(padded.matches(other)) << other;
}

TEST(NumberedName, RefusesEveryOtherDirective) {
  for (const char* name :
       {"frame.png", "%s.png", "%n.png", "%x.png", "%4d.png", "%00d.png", "%010d.png", "%0999999d.png", "%-4d.png",
        "%ld.png", "%*d.png", "%1$d.png", "%d_%d.png", "%%d.png", "%d%%.png", "%.png", "%", "%0d.png", "100%.png"})
    EXPECT_ERROR(parse_numbered_name(name), ErrorKind::usage, "exactly one %d");
}

TEST(ImageWriter, FfmpegReadsTheSequenceExactly) {
  const test::TempDir folder;
  const std::vector<Frame> film = test::make_film(35, 21, 12);
  const FilmFormat format = choose_format({.path = "%04d.png", .width = 35, .height = 21, .fps = {16, 1}});
  const auto writer = open_image_writer(format, folder.path(), parse_numbered_name("%04d.png"));
  for (const Frame& frame : film) writer->push(frame);
  writer->finish();
  EXPECT_TRUE(std::filesystem::exists(folder / "0001.png"));
  EXPECT_TRUE(std::filesystem::exists(folder / "0012.png"));
  EXPECT_FALSE(std::filesystem::exists(folder / "0013.png"));
  EXPECT_EQ(test::worst_psnr(test::ffmpeg_frames("-i " + test::quoted(folder / "%04d.png"), 35, 21), film),
            std::numeric_limits<double>::infinity());

  Reader reader(folder / "0003.png");
  Frame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.rgb, film[2].rgb);
  EXPECT_FALSE(reader.next(frame));
}

TEST(ImageWriter, FailsAtTheImageThatCannotBeWritten) {
  const test::TempDir folder;
  std::filesystem::create_symlink("/dev/full", folder / "2.png");
  const FilmFormat format = choose_format({.path = "%d.png", .width = 35, .height = 21, .fps = {16, 1}});
  const auto writer = open_image_writer(format, folder.path(), parse_numbered_name("%d.png"));
  const auto write = [&] {  // the encoder's threads hold a few frames back
    for (const Frame& frame : test::make_film(35, 21, 20)) writer->push(frame);
  };
  EXPECT_ERROR(write(), ErrorKind::resource, "2.png: No space left on device");
}

}  // namespace
}  // namespace soragen::media
