// Every row of the output tables, judged by the ffmpeg and ffprobe programs and by reading back.
#include "media/film_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "core/mapped_file.h"
#include "media/reader.h"
#include "media/test_film.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::media {
namespace {

constexpr int kWidth = 128, kHeight = 96, kCount = 9;

std::filesystem::path write_film(const test::TempDir& folder, const std::string& name, const std::string& codec,
                                 const std::vector<Frame>& film, Rational fps = {16, 1}) {
  FormatRequest request{.path = name, .codec = codec, .width = film[0].width, .height = film[0].height, .fps = fps};
  request.metadata = {{"comment", "a film"}, {"com.soragen.record", "{\"seed\":1}"}};
  const auto writer = open_film_writer(choose_format(request), folder / name);
  for (const Frame& frame : film) writer->push(frame);
  writer->finish();
  return folder / name;
}

std::vector<Frame> read_film(const std::filesystem::path& path) {
  Reader reader(path);
  std::vector<Frame> film;
  for (Frame frame; reader.next(frame);) film.push_back(frame);
  return film;
}

std::string bytes_of(const std::filesystem::path& path) {
  const MappedFile file(path);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// What the ffmpeg program makes of the same frames with the same encoder and quality.
std::vector<Frame> reference_film(const test::TempDir& folder, const Container& container, const Codec& codec,
                                  const std::vector<Frame>& film) {
  test::write_raw(film, folder / "film.rgb");
  std::string options = fmt::format("-c:v {}", codec.encoder);
  for (const auto& [key, value] : codec.options) options += fmt::format(" -{} '{}'", key, value);
  if (codec.crf) options += fmt::format(" -crf {}", codec.crf->usual);
  const std::filesystem::path path = folder / fmt::format("reference{}", container.extension);
  test::run(
      fmt::format("ffmpeg -v error -y -f rawvideo -pix_fmt rgb24 -s {}x{} -r 16 -i {} -vf "
                  "scale=out_color_matrix=bt709:out_range=tv:"
                  "out_h_chr_pos=0:out_v_chr_pos=128:flags=bicubic+accurate_rnd+full_chroma_inp,format=yuv420p "
                  "-colorspace bt709 -color_range tv {} -f {} {} 2>/dev/null",
                  kWidth, kHeight, test::quoted(folder / "film.rgb"), options, container.muxer, test::quoted(path)));
  return test::ffmpeg_frames("-i " + test::quoted(path), kWidth, kHeight);
}

struct Row {
  const Container* container;
  const Codec* codec;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.container->extension << " " << row.codec->name; }

// Every row but those that other tests of this folder own: numbered images and standard output.
std::vector<Row> rows() {
  std::vector<Row> all;
  for (const Container& container : containers()) {
    if (container.muxer.empty() || container.extension == "-") continue;
    for (const std::string_view name : container.codecs)
      all.push_back({&container, &*std::find_if(codecs().begin(), codecs().end(),
                                                [&](const Codec& codec) { return codec.name == name; })});
  }
  return all;
}

class EveryRow : public testing::TestWithParam<Row> {
 protected:
  std::string name() const { return fmt::format("film{}", GetParam().container->extension); }
  std::string codec() const { return std::string(GetParam().codec->name); }
  test::TempDir folder_;
};

INSTANTIATE_TEST_SUITE_P(Table, EveryRow, testing::ValuesIn(rows()), [](const auto& info) {
  return std::string(info.param.container->extension.substr(1)) + "_" + std::string(info.param.codec->name);
});

TEST_P(EveryRow, RoundTrip) {
  const std::vector<Frame> film = test::make_film(kWidth, kHeight, kCount);
  const std::vector<Frame> back = read_film(write_film(folder_, name(), codec(), film));
  ASSERT_EQ(back.size(), film.size());
  const Codec& row = *GetParam().codec;
  if (row.crf)  // the same encoder at the same settings; 0.1 dB for its number of threads
    EXPECT_GE(test::worst_psnr(film, back),
              test::worst_psnr(film, reference_film(folder_, *GetParam().container, row, film)) - 0.1);
  else if (row.name == "gif")
    EXPECT_GE(test::worst_psnr(film, back), 36);  // 256 colours in a cube of three axes 255 long: steps of 40, error
                                                  // 40/sqrt(12) without any adaption is 27 dB
  else if (row.name == "y4m")
    EXPECT_GE(test::worst_psnr(film, back),
              test::worst_psnr(film, read_film(write_film(folder_, "film.mp4", "h264", film))));
  else
    EXPECT_EQ(test::worst_psnr(film, back), std::numeric_limits<double>::infinity());
}

TEST_P(EveryRow, FfmpegSeesTheSameFrames) {
  const std::vector<Frame> film = test::make_film(kWidth, kHeight, kCount);
  const std::filesystem::path path = write_film(folder_, name(), codec(), film);
  const std::string input = (GetParam().codec->name == "y4m" ? "-colorspace bt709 -i " : "-i ") + test::quoted(path);
  const std::vector<Frame> ours = read_film(path), theirs = test::ffmpeg_frames(input, kWidth, kHeight);
  ASSERT_EQ(ours.size(), theirs.size());
  // Lossless forms agree exactly; where chroma is scaled up, two levels of rounding are 42 dB.
  EXPECT_GE(test::worst_psnr(ours, theirs),
            GetParam().codec->is_subsampled() ? 42 : std::numeric_limits<double>::infinity());
}

TEST_P(EveryRow, SameFramesSameBytes) {
  const std::vector<Frame> film = test::make_film(kWidth, kHeight, kCount);
  const std::string first = bytes_of(write_film(folder_, name(), codec(), film));
  EXPECT_EQ(first, bytes_of(write_film(folder_, name(), codec(), film)));
}

TEST_P(EveryRow, SmallestSize) {
  const int side = GetParam().codec->min_side;
  const std::vector<Frame> film = test::make_film(side, side, 3);
  EXPECT_EQ(read_film(write_film(folder_, name(), codec(), film)).size(), 3u);
}

TEST_P(EveryRow, TagsAndMetadata) {
  const auto probe = test::ffprobe(write_film(folder_, name(), codec(), test::make_film(kWidth, kHeight, kCount)));
  const auto& stream = probe["streams"][0];
  const Codec& row = *GetParam().codec;
  ASSERT_EQ(probe["streams"].size(), 1u);
  const std::map<std::string_view, std::string> names = {{"h265", "hevc"}, {"y4m", "rawvideo"}};
  EXPECT_EQ(stream["codec_name"], names.contains(row.name) ? names.at(row.name) : row.name);
  EXPECT_EQ(stream["nb_read_packets"], std::to_string(kCount));
  EXPECT_EQ(stream["width"], kWidth);
  EXPECT_EQ(stream["height"], kHeight);
  if (row.name == "gif") return;
  EXPECT_EQ(stream["pix_fmt"], row.pixel_format);
  EXPECT_EQ(stream["color_range"], row.is_subsampled() ? "tv" : "pc");
  EXPECT_EQ(stream["r_frame_rate"], "16/1");
  if (row.name == "y4m") return;
  EXPECT_EQ(stream["color_space"], row.is_subsampled() ? "bt709" : "gbr");
  EXPECT_EQ(stream["color_primaries"], "bt709");
  EXPECT_EQ(stream["color_transfer"], row.is_subsampled() ? "bt709" : "iec61966-2-1");
  if (row.name == "h264" || row.name == "h265") {
    EXPECT_EQ(stream["chroma_location"], "left");
  }
  const bool is_iso = GetParam().container->muxer != "matroska" && GetParam().container->muxer != "webm";
  if (row.name == "h265" && is_iso) {
    EXPECT_EQ(stream["codec_tag_string"], "hvc1");
  }
  const auto& tags = probe["format"]["tags"];
  EXPECT_EQ(tags[is_iso ? "comment" : "COMMENT"], "a film");
  EXPECT_EQ(tags[is_iso ? "com.soragen.record" : "COM.SORAGEN.RECORD"], "{\"seed\":1}");
}

TEST_P(EveryRow, DiskFull) {
  FormatRequest request{.path = name(), .codec = codec(), .width = kWidth, .height = kHeight, .fps = {16, 1}};
  const auto write = [&] {
    const auto writer = open_film_writer(choose_format(request), "/dev/full");
    for (const Frame& frame : test::make_film(kWidth, kHeight, kCount)) writer->push(frame);
    writer->finish();
  };
  EXPECT_ERROR(write(), ErrorKind::resource, "No space left on device");
}

class EveryRate : public testing::TestWithParam<Rational> {
 protected:
  test::TempDir folder_;
};

INSTANTIATE_TEST_SUITE_P(Rates, EveryRate,
                         testing::Values(Rational{16, 1}, Rational{24, 1}, Rational{2997, 125}, Rational{24000, 1001},
                                         Rational{30000, 1001}, Rational{10, 3}, Rational{1000, 1},
                                         Rational{9'999'999, 1'000'000}),
                         [](const auto& info) { return fmt::format("{}_{}", info.param.num, info.param.den); });

std::vector<double> sorted_times(const nlohmann::json& probe) {
  std::vector<double> times;
  for (const auto& packet : probe["packets"]) times.push_back(std::stod(packet["pts_time"].get<std::string>()));
  std::sort(times.begin(), times.end());
  return times;
}

TEST_P(EveryRate, Mp4IsExact) {
  const Rational fps = GetParam();
  for (const char* codec : {"h264", "h265", "av1", "vp9"}) {
    if (codec == std::string("av1") && fps.value() > 240) continue;
    const auto probe = test::ffprobe(write_film(folder_, "film.mp4", codec, test::make_film(64, 64, 33), fps));
    const auto& stream = probe["streams"][0];
    EXPECT_EQ(stream["r_frame_rate"], fmt::format("{}/{}", fps.num, fps.den)) << codec;
    EXPECT_EQ(stream["avg_frame_rate"], fmt::format("{}/{}", fps.num, fps.den)) << codec;
    EXPECT_EQ(stream["nb_frames"], "33") << codec;
    // Whole ticks: the duration of the film and the time of each frame, with no rounding at all.
    int64_t num = 0, den = 0;
    ASSERT_EQ(std::sscanf(stream["time_base"].get<std::string>().c_str(), "%ld/%ld", &num, &den), 2);
    EXPECT_EQ(stream["duration_ts"].get<int64_t>() * num * fps.num, 33 * fps.den * den) << codec;
    std::vector<int64_t> ticks;
    for (const auto& packet : probe["packets"]) ticks.push_back(packet["pts"].get<int64_t>());
    std::sort(ticks.begin(), ticks.end());
    for (int64_t i = 0; i < 33; ++i) EXPECT_EQ(ticks[i] * num * fps.num, i * fps.den * den) << codec << " frame " << i;
    EXPECT_NEAR(std::stod(probe["format"]["duration"].get<std::string>()), 33 / fps.value(), 1e-6)
        << codec;  // ffprobe prints microseconds
  }
}

TEST_P(EveryRate, MatroskaRoundsToItsMillisecond) {
  const Rational fps = GetParam();
  const auto probe = test::ffprobe(write_film(folder_, "film.mkv", "ffv1", test::make_film(64, 64, 33), fps));
  const std::vector<double> times = sorted_times(probe);
  ASSERT_EQ(times.size(), 33u);
  for (int i = 0; i < 33; ++i) EXPECT_NEAR(times[i], i / fps.value(), 0.0005 + 1e-6) << i;
}

TEST_P(EveryRate, Y4mStatesIt) {
  const Rational fps = GetParam();
  const std::string bytes = bytes_of(write_film(folder_, "film.y4m", "", test::make_film(64, 64, 2), fps));
  const std::string header = bytes.substr(0, bytes.find('\n'));
  EXPECT_NE(header.find(fmt::format(" F{}:{} ", fps.num, fps.den)), std::string::npos) << header;
  EXPECT_NE(header.find("C420mpeg2"), std::string::npos) << header;
  EXPECT_NE(header.find("XCOLORRANGE=LIMITED"), std::string::npos) << header;
}

TEST(FilmWriter, GifTimesAreWithinItsHundredth) {
  const test::TempDir folder;
  const auto probe = test::ffprobe(write_film(folder, "film.gif", "", test::make_film(32, 32, 33)));
  const std::vector<double> times = sorted_times(probe);
  ASSERT_EQ(times.size(), 33u);
  for (int i = 0; i < 33; ++i) EXPECT_NEAR(times[i], i / 16.0, 0.01) << i;
}

TEST(FilmWriter, IndexComesBeforeTheFrames) {
  const test::TempDir folder;
  const std::string bytes = bytes_of(write_film(folder, "film.mp4", "", test::make_film(64, 64, 9)));
  std::vector<std::string> boxes;
  for (size_t at = 0; at + 8 <= bytes.size();) {
    const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(bytes[at + i])); };
    boxes.push_back(bytes.substr(at + 4, 4));
    at += byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
  }
  EXPECT_EQ(boxes.front(), "ftyp");
  EXPECT_LT(std::find(boxes.begin(), boxes.end(), "moov"), std::find(boxes.begin(), boxes.end(), "mdat"));
}

TEST(FilmWriter, PureRedIsLuma63) {
  const test::TempDir folder;
  const auto path =
      write_film(folder, "film.mp4", "", std::vector<Frame>(3, test::make_flat_frame(64, 64, {255, 0, 0})));
  const std::string planes =
      test::run("ffmpeg -v error -i " + test::quoted(path) + " -frames:v 1 -f rawvideo -pix_fmt yuv420p -");
  EXPECT_EQ(static_cast<unsigned char>(planes.at(64 * 32 + 32)), 63);
  EXPECT_EQ(static_cast<unsigned char>(planes.at(64 * 64 + 32 * 16 + 16)), 102);
  EXPECT_EQ(static_cast<unsigned char>(planes.at(64 * 64 + 32 * 32 + 32 * 16 + 16)), 240);
}

TEST(FilmWriter, QualityFollowsCrf) {
  const test::TempDir folder;
  const auto size_at = [&](int crf) {
    const FormatRequest request{.path = "film.mp4", .width = kWidth, .height = kHeight, .fps = {16, 1}, .crf = crf};
    const auto writer = open_film_writer(choose_format(request), folder / "film.mp4");
    for (const Frame& frame : test::make_film(kWidth, kHeight, kCount)) writer->push(frame);
    writer->finish();
    return std::filesystem::file_size(folder / "film.mp4");
  };
  EXPECT_GT(size_at(10), 2 * size_at(40));
}

TEST(FilmWriter, NamesWithColonsAndPercentsAreNames) {
  const test::TempDir folder;
  EXPECT_EQ(read_film(write_film(folder, "http:%d film.mp4", "", test::make_film(64, 64, 2))).size(), 2u);
}

TEST(FilmWriter, RefusesAFrameOfAnotherSize) {
  const test::TempDir folder;
  const auto writer =
      open_film_writer(choose_format({.path = "a.mp4", .width = 64, .height = 64, .fps = {16, 1}}), folder / "a.mp4");
  writer->push(test::make_frame(64, 64, 0));
  EXPECT_ERROR(writer->push(test::make_frame(64, 66, 0)), ErrorKind::input, "frame 1 is 64x66, but the film is 64x64");
}

TEST(FilmWriter, CanStopAtAnyTime) {
  const test::TempDir folder;
  for (const Row& row : rows())
    for (const int count : {0, 1, 12}) {
      const FormatRequest request{.path = "a" + std::string(row.container->extension),
                                  .codec = std::string(row.codec->name),
                                  .width = 64,
                                  .height = 64,
                                  .fps = {16, 1}};
      const auto writer = open_film_writer(choose_format(request), folder / request.path);
      for (int i = 0; i < count; ++i) writer->push(test::make_frame(64, 64, i));
      writer->abort();
    }
}

TEST(FilmWriter, ProbesEveryCodec) {
  for (const Row& row : rows())
    EXPECT_NO_THROW(probe_encoder(choose_format({.path = "a" + std::string(row.container->extension),
                                                 .codec = std::string(row.codec->name),
                                                 .width = 832,
                                                 .height = 480,
                                                 .fps = {16, 1}})));
}

TEST(FilmWriter, RefusesAFolderThatIsNotThere) {
  const test::TempDir folder;
  const FilmFormat format = choose_format({.path = "a.mp4", .width = 64, .height = 64, .fps = {16, 1}});
  EXPECT_ERROR(open_film_writer(format, folder / "no" / "a.mp4"), ErrorKind::input, "No such file or directory");
}

}  // namespace
}  // namespace soragen::media
