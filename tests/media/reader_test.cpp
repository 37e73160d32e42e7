#include "media/reader.h"

#include <fmt/format.h>

#include "core/mapped_file.h"
#include "media/film_writer.h"
#include "media/test_film.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::media {
namespace {

std::string make_bytes(const test::TempDir& folder, const std::string& name, const std::string& codec = "") {
  FormatRequest request{
      .path = name, .codec = codec, .width = 64, .height = 64, .fps = {30000, 1001}, .metadata = {{"comment", "hi"}}};
  const auto writer = open_film_writer(choose_format(request), folder / name);
  for (const Frame& frame : test::make_film(64, 64, 20)) writer->push(frame);
  writer->finish();
  const MappedFile file(folder / name);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

int count_frames(const std::filesystem::path& path) {
  Reader reader(path);
  int count = 0;
  for (Frame frame; reader.next(frame);) ++count;
  return count;
}

TEST(Reader, DescribesAFilm) {
  const test::TempDir folder;
  make_bytes(folder, "film.mp4");
  const Reader reader(folder / "film.mp4");
  const FilmInfo& info = reader.info();
  EXPECT_NE(info.container.find("mp4"), std::string::npos);
  EXPECT_NEAR(info.duration, 20 * 1001 / 30000.0, 1e-6);
  ASSERT_EQ(info.streams.size(), 1u);
  EXPECT_EQ(info.streams[0].kind, "video");
  EXPECT_EQ(info.video.codec, "h264");
  EXPECT_EQ(info.video.pixel_format, "yuv420p");
  EXPECT_EQ(info.video.color_range, "tv");
  EXPECT_EQ(info.video.color_space, "bt709");
  EXPECT_EQ(info.video.color_primaries, "bt709");
  EXPECT_EQ(info.video.color_transfer, "bt709");
  EXPECT_EQ(info.video.width, 64);
  EXPECT_EQ(info.video.height, 64);
  EXPECT_EQ(info.video.frame_rate, (Rational{30000, 1001}));
  EXPECT_EQ(info.video.frame_count, 20);
  EXPECT_EQ(info.metadata.at("comment"), "hi");
}

TEST(Reader, ReadsFilmsOfOtherTools) {
  const test::TempDir folder;
  const std::string picture = "ffmpeg -v error -f lavfi -i testsrc2=s=160x90:r=25:d=1 ",
                    sound = "-f lavfi -i sine=d=2 -c:a aac ";
  const std::vector<std::pair<std::string, std::string>> films = {
      {"sound.mp4", sound + "-c:v libx264 -pix_fmt yuv420p"},
      {"sound.mkv", sound + "-c:v libx264 -pix_fmt yuv420p"},
      {"stream.ts", "-c:v libx264 -pix_fmt yuv420p"},
      {"fragments.mp4", "-c:v libx264 -pix_fmt yuv420p10le -movflags frag_keyframe+empty_moov"},
      {"master.mov", "-c:v prores_ks"},
      {"old.avi", "-c:v mpeg4"},
      {"full.mp4", "-c:v libx264 -pix_fmt yuvj420p"}};
  for (const auto& [name, options] : films) {
    test::run(picture + options + " " + test::quoted(folder / name) + " 2>/dev/null");
    EXPECT_EQ(count_frames(folder / name), 25) << name;
  }
}

TEST(Reader, ReadsPhotosOfAnySize) {
  // libav sees the end of a small JPEG while it guesses the format, and of a large one it does not.
  const test::TempDir folder;
  for (const std::string size : {"32x32", "1600x1200"})
    for (const std::string name : {"a.jpg", "a.png", "a0001.jpg"}) {
      test::run("ffmpeg -v error -y -f lavfi -i testsrc=s=" + size + ":d=0.04 " + test::quoted(folder / name));
      Reader reader(folder / name);
      EXPECT_EQ(fmt::format("{}x{}", reader.info().video.width, reader.info().video.height), size) << name;
      EXPECT_EQ(count_frames(folder / name), 1) << name;
    }
}

TEST(Reader, TimesAreThoseOfFfprobe) {
  const test::TempDir folder;
  const std::string picture = "ffmpeg -v error -f lavfi -i testsrc2=s=64x48:r=25:d=2 ";
  const std::vector<std::pair<std::string, std::string>> films = {
      {"constant.mp4", ""},
      {"variable.mp4", "-vf \"select='not(mod(n,7))+gt(n,40)'\" -vsync vfr"},
      {"variable.mkv", "-vf \"select='not(mod(n,7))+gt(n,40)'\" -vsync vfr"},
      {"late.mkv", "-f lavfi -i sine=d=3 -filter_complex \"[0:v]setpts=PTS+0.7/TB[v]\" -map [v] -map 1:a -c:a aac"},
      {"stream.ts", ""}};
  for (const auto& [name, options] : films) {
    SCOPED_TRACE(name);
    test::run(picture + options + " -c:v libx264 -pix_fmt yuv420p " + test::quoted(folder / name));
    const auto probe = nlohmann::json::parse(test::run(
        "ffprobe -v error -select_streams v -show_frames -show_format -of json " + test::quoted(folder / name)));
    const double start = std::stod(probe["format"]["start_time"].get<std::string>());
    Reader reader(folder / name);
    Frame frame;
    size_t i = 0;
    double last = 0;
    for (; reader.next(frame); ++i) {
      last = std::stod(probe["frames"].at(i)["best_effort_timestamp_time"].get<std::string>()) - start;
      EXPECT_NEAR(static_cast<double>(reader.time()) * 1e-6, last, 2e-6);
    }
    EXPECT_EQ(i, probe["frames"].size());
    EXPECT_NEAR(static_cast<double>(reader.end()) * 1e-6, last + 0.04, 1e-3);
  }
}

TEST(Reader, RatesShapesAndFields) {
  const test::TempDir folder;
  const std::string picture = "ffmpeg -v error -y -f lavfi -i testsrc2=s=64x48:r=60:d=2 ";
  const auto info = [&](const std::string& options) {
    test::run(picture + options + " -c:v libx264 -pix_fmt yuv420p " + test::quoted(folder / "film.mp4"));
    return Reader(folder / "film.mp4").info().video;
  };
  EXPECT_EQ(info("").base_rate, (Rational{60, 1}));
  EXPECT_EQ(info("").pixel_aspect, (Rational{1, 1}));
  EXPECT_FALSE(info("").is_interlaced);
  EXPECT_EQ(info("-vf setsar=8/9").pixel_aspect, (Rational{8, 9}));
  EXPECT_TRUE(info("-flags +ilme+ildct -x264-params tff=1").is_interlaced);
  const VideoInfo variable = info("-vf \"select='not(mod(n,5))+eq(n,61)'\" -vsync vfr");
  EXPECT_NEAR(variable.frame_rate.value(), 12.7, 0.5);
  EXPECT_GE(variable.base_rate.value(), 60);
}

TEST(Reader, ACoverIsNoFilm) {
  const test::TempDir folder;
  test::run(
      "ffmpeg -v error -f lavfi -i sine=d=1 -f lavfi -i testsrc2=s=64x48:d=0.04 -map 0 -map 1 -c:a aac -c:v png "
      "-disposition:v attached_pic " +
      test::quoted(folder / "song.mp4"));
  EXPECT_ERROR(Reader(folder / "song.mp4"), ErrorKind::input, "has no video stream");
}

TEST(Reader, ColoursOfOtherToolsFollowTheirTags) {
  const test::TempDir folder;
  for (const char* options :
       {"-vf scale=out_color_matrix=bt601:out_range=tv,format=yuv444p -colorspace smpte170m -color_range tv",
        "-vf scale=out_color_matrix=bt709:out_range=pc,format=yuv444p -colorspace bt709 -color_range pc"}) {
    test::run(fmt::format(
        "ffmpeg -v error -y -f lavfi -i color=0x2060c0:s=64x64:r=25:d=0.2,format=rgb24 {} -c:v libx264 -qp 0 {}",
        options, test::quoted(folder / "film.mp4")));
    Reader reader(folder / "film.mp4");
    Frame frame;
    ASSERT_TRUE(reader.next(frame));
    EXPECT_NEAR(frame.rgb[0], 0x20, 2) << options;
    EXPECT_NEAR(frame.rgb[1], 0x60, 2) << options;
    EXPECT_NEAR(frame.rgb[2], 0xc0, 2) << options;
  }
}

TEST(Reader, RefusesWhatIsNoFilm) {
  const test::TempDir folder;
  EXPECT_ERROR(Reader(folder / "none.mp4"), ErrorKind::input, "no such file");
  EXPECT_ERROR(Reader(folder.path()), ErrorKind::input, "not a regular file");
  EXPECT_ERROR(Reader(folder.write("empty.mp4", "")), ErrorKind::input, "the file is empty");
  EXPECT_ERROR(Reader(folder.write("text.mp4", "This is a text.\n")), ErrorKind::input, "as a film");
  EXPECT_ERROR(Reader(folder.write("zeros.mp4", std::string(100'000, '\0'))), ErrorKind::input, "as a film");
  test::run("ffmpeg -v error -f lavfi -i sine=d=1 -c:a aac " + test::quoted(folder / "sound.mp4"));
  EXPECT_ERROR(Reader(folder / "sound.mp4"), ErrorKind::input, "has no video stream");
}

TEST(Reader, OpensNoOtherFile) {
  const test::TempDir folder;
  make_bytes(folder, "film.mp4");
  const std::string film = (folder / "film.mp4").string();
  EXPECT_ERROR(Reader(folder.write("list.mp4", "ffconcat version 1.0\nfile '" + film + "'\n")), ErrorKind::input,
               "as a film");
  EXPECT_ERROR(
      Reader(folder.write("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfilm.mp4\n#EXT-X-ENDLIST\n")),
      ErrorKind::input, "as a film");
}

TEST(Reader, NoticesACutOffFilm) {
  const test::TempDir folder;
  for (const auto& [name, codec] : std::vector<std::pair<std::string, std::string>>{{"film.mp4", "h264"},
                                                                                    {"film.mp4", "h265"},
                                                                                    {"film.mp4", "vp9"},
                                                                                    {"film.mkv", "ffv1"},
                                                                                    {"film.webm", "vp9"}}) {
    const std::string bytes = make_bytes(folder, name, codec);
    ASSERT_EQ(count_frames(folder / name), 20);
    for (const int percent : {1, 10, 30, 50, 70, 85}) {
      folder.write("cut-" + name, bytes.substr(0, bytes.size() * percent / 100));
      EXPECT_ERROR(count_frames(folder / ("cut-" + name)), ErrorKind::input, "cut-" + name);
    }
  }
}

// FFV1 carries a checksum for each slice: damage that would decode to some picture is known for what it is.
TEST(Reader, ADamagedPictureIsAnError) {
  const test::TempDir folder;
  std::string bytes = make_bytes(folder, "film.mkv");
  bytes[bytes.size() / 2] ^= 1;
  EXPECT_ERROR(count_frames(folder.write("film.mkv", bytes)), ErrorKind::input, "CRC mismatch");
}

// One byte changed at many places: an error or the right number of frames of the right size, never a crash.
TEST(Reader, SurvivesDamage) {
  const test::TempDir folder;
  for (const std::string name : {"film.mp4", "film.mkv", "film.gif", "film.y4m"}) {
    const std::string bytes = make_bytes(folder, name);
    for (int place = 0; place < 60; ++place) {
      std::string damaged = bytes;
      damaged[bytes.size() * place / 60] ^= 0x55;
      if (place % 2 == 0) damaged[place * 4] = '\xff';
      folder.write("damaged-" + name, damaged);
      try {
        count_frames(folder / ("damaged-" + name));
      } catch (const Error& error) {
        EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
      }
    }
  }
}

TEST(Reader, RefusesHugePictures) {
  const test::TempDir folder;
  EXPECT_ERROR(Reader(folder.write("huge.y4m", "YUV4MPEG2 W30000 H30000 F25:1 C420mpeg2\nFRAME\n")), ErrorKind::input,
               "huge.y4m");
  EXPECT_ERROR(Reader(folder.write("odd.y4m", "YUV4MPEG2 W-4 H0 F25:1 C420mpeg2\nFRAME\n")), ErrorKind::input,
               "odd.y4m");
  // The screen size of a GIF and the width of a PNG as large as they can be stated.
  std::string gif = make_bytes(folder, "film.gif");
  gif.replace(6, 4, "\xff\xff\xff\xff");
  EXPECT_ERROR(count_frames(folder.write("huge.gif", gif)), ErrorKind::input, "huge.gif");
  const std::string png("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x02\0\0\0\0\0\0\0", 33);
  EXPECT_ERROR(count_frames(folder.write("huge.png", png)), ErrorKind::input, "huge.png");
}

}  // namespace
}  // namespace soragen::media
