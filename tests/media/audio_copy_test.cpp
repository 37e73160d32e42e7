// The sound of films of other tools beside our frames, judged by ffmpeg: the same packets, at the same times.
#include <fmt/format.h>

#include "media/film_writer.h"
#include "media/test_film.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::media {
namespace {
namespace fs = std::filesystem;

constexpr int kWidth = 64, kHeight = 48;

FormatRequest request(const fs::path& path, const fs::path& sound) {
  return {.path = path.string(), .width = kWidth, .height = kHeight, .fps = {25, 1}, .audio_from = sound.string()};
}

void write_film(const fs::path& path, const fs::path& sound, int frames = 50) {
  const auto writer = open_film_writer(choose_format(request(path, sound)), path);
  for (int i = 0; i < frames; ++i) writer->push(test::make_frame(kWidth, kHeight, i));
  writer->finish();
}

// Silent for a second, then a tone.
constexpr const char* kTone = "'aevalsrc=sin(5000*t)*gt(t\\,1):d=2'";

// Two seconds of picture and sound; `options` come after the inputs.
void make_source(const fs::path& path, const std::string& options, const std::string& sound = kTone) {
  test::run(fmt::format("ffmpeg -v error -y -f lavfi -i testsrc2=s=64x48:r=25:d=2 -f lavfi -i {} {} {} 2>&1", sound,
                        options, test::quoted(path)));
}

std::string packets_of(const fs::path& film) {
  return test::run("ffmpeg -v error -i " + test::quoted(film) + " -map 0:a -c copy -f streamhash -");
}
std::string samples_of(const fs::path& film) {
  return test::run("ffmpeg -v error -i " + test::quoted(film) + " -map 0:a -f streamhash -");
}

// When the tone begins, in seconds after the first picture.
double onset(const fs::path& film) {
  const std::string log = test::run("ffmpeg -hide_banner -copyts -i " + test::quoted(film) +
                                    " -map 0:a -af silencedetect=n=-30dB:d=0.1 -f null - 2>&1");
  const auto probe = test::ffprobe(film);
  const std::string key = "silence_end: ";
  return std::stod(log.substr(log.find(key) + key.size())) -
         std::stod(probe["streams"][0]["start_time"].get<std::string>());
}

constexpr double kHalfFrame = 0.02;

TEST(AudioCopy, ThePacketsAreTheSame) {
  const test::TempDir folder;
  const std::string h264 = "-c:v libx264 -pix_fmt yuv420p ";
  const std::vector<std::array<std::string, 3>> films = {
      {"a.mp4", h264 + "-c:a aac", "b.mp4"},           {"a.mp4", h264 + "-c:a aac", "b.mov"},
      {"a.mp4", h264 + "-c:a aac", "b.mkv"},           {"a.webm", "-c:v libvpx-vp9 -c:a libopus", "b.webm"},
      {"a.mov", h264 + "-c:a pcm_s16le", "b.mov"},     {"a.mkv", h264 + "-c:a flac", "b.mkv"},
      {"a.avi", "-c:v mpeg4 -c:a libmp3lame", "b.mp4"}};
  for (const auto& [source, options, film] : films) {
    make_source(folder / source, options);
    write_film(folder / film, folder / source);
    EXPECT_EQ(packets_of(folder / film), packets_of(folder / source)) << source << " " << film;
    const auto probe = test::ffprobe(folder / film);
    ASSERT_EQ(probe["streams"].size(), 2u);
    EXPECT_EQ(probe["streams"][0]["nb_read_packets"], "50");
    EXPECT_NEAR(onset(folder / film), onset(folder / source), kHalfFrame) << source << " " << film;
  }
  // In a transport stream every packet has a header of its own, which goes.
  make_source(folder / "a.ts", h264 + "-c:a aac");
  write_film(folder / "ts.mp4", folder / "a.ts");
  EXPECT_EQ(samples_of(folder / "ts.mp4"), samples_of(folder / "a.ts"));
}

TEST(AudioCopy, EveryStreamWithItsLanguage) {
  const test::TempDir folder;
  make_source(folder / "a.mp4",
              "-f lavfi -i sine=f=880:d=2 -map 0 -map 1 -map 2 -c:v libx264 -pix_fmt yuv420p -c:a aac "
              "-metadata:s:a:0 language=deu -metadata:s:a:1 language=fra -disposition:a:1 default -disposition:a:0 0");
  write_film(folder / "b.mp4", folder / "a.mp4");
  EXPECT_EQ(packets_of(folder / "b.mp4"), packets_of(folder / "a.mp4"));
  const auto streams = test::ffprobe(folder / "b.mp4")["streams"];
  ASSERT_EQ(streams.size(), 3u);
  EXPECT_EQ(streams[1]["tags"]["language"], "deu");
  EXPECT_EQ(streams[2]["tags"]["language"], "fra");
  EXPECT_EQ(streams[2]["disposition"]["default"], 1);
}

TEST(AudioCopy, ASoundThatBeginsLateStaysLate) {
  const test::TempDir folder;
  for (const char* film : {"b.mp4", "b.mkv"}) {
    test::run("ffmpeg -v error -y -f lavfi -i testsrc2=s=64x48:r=25:d=2 -itsoffset 0.5 -f lavfi -i " +
              std::string(kTone) + " -c:v libx264 -pix_fmt yuv420p -c:a aac " + test::quoted(folder / "a.mp4"));
    write_film(folder / film, folder / "a.mp4");
    EXPECT_NEAR(onset(folder / film), 1.5, kHalfFrame) << film;
  }
}

// Longer and shorter than the pictures: all of it.
TEST(AudioCopy, SoundOfAnotherLength) {
  const test::TempDir folder;
  make_source(folder / "a.mp4", "-c:v libx264 -pix_fmt yuv420p -c:a aac");
  for (const int frames : {1, 10, 100}) {
    write_film(folder / "b.mp4", folder / "a.mp4", frames);
    EXPECT_EQ(packets_of(folder / "b.mp4"), packets_of(folder / "a.mp4")) << frames;
  }
}

TEST(AudioCopy, NamesTheContainersThatCanHoldIt) {
  const test::TempDir folder;
  make_source(folder / "aac.mp4", "-c:v libx264 -pix_fmt yuv420p -c:a aac");
  make_source(folder / "pcm.mov", "-c:v libx264 -pix_fmt yuv420p -c:a pcm_s16le");
  make_source(folder / "opus.webm", "-c:v libvpx-vp9 -c:a libopus");
  for (const char* name : {"a.webm", "a.gif", "a.y4m", "%04d.png"})
    EXPECT_ERROR(check_audio(choose_format(request(folder / name, folder / "aac.mp4"))), ErrorKind::unsupported,
                 "(aac) into " + fs::path(name).extension().string() +
                     "; .mp4, .m4v, .mov, .mkv can hold it, --no-audio leaves it out");
  EXPECT_ERROR(check_audio(choose_format(request(folder / "a.mp4", folder / "pcm.mov"))), ErrorKind::unsupported,
               "(pcm_s16le) into .mp4; .mov, .mkv can hold it");
  EXPECT_ERROR(check_audio(choose_format(request(folder / "a.mov", folder / "opus.webm"))), ErrorKind::unsupported,
               ".webm can hold it");
  EXPECT_ERROR(write_film(folder / "a.webm", folder / "aac.mp4"), ErrorKind::unsupported, "(aac) into .webm");
  for (const char* name : {"a.mp4", "a.mov", "a.mkv"})
    EXPECT_NO_THROW(check_audio(choose_format(request(folder / name, folder / "aac.mp4"))));
}

// What a container says that it can hold and then refuses: FLAC in MP4 is experimental in this libav.
TEST(AudioCopy, WhatTheMuxerRefusesIsRefusedBefore) {
  const test::TempDir folder;
  make_source(folder / "flac.mkv", "-c:v libx264 -pix_fmt yuv420p -c:a flac");
  try {
    check_audio(choose_format(request(folder / "a.mp4", folder / "flac.mkv")));
    write_film(folder / "a.mp4", folder / "flac.mkv");
    EXPECT_EQ(packets_of(folder / "a.mp4"), packets_of(folder / "flac.mkv"));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_NE(std::string(error.what()).find(".mkv can hold it"), std::string::npos) << error.what();
  }
}

// Several blocks with a checksum in one AAC frame: libav finds it only at the packet, in a filter before the muxer.
TEST(AudioCopy, SoundThatIsRefusedAtAPacketIsTheFilmsFault) {
  const test::TempDir folder;
  make_source(folder / "a.ts", "-c:v libx264 -pix_fmt yuv420p -c:a aac");
  std::string bytes = test::run("cat " + test::quoted(folder / "a.ts"));
  // ISO/IEC 14496-3, 1.A.2.2: twelve bits of sync, ... the inverted flag of the checksum, ... two bits of blocks - 1.
  const std::string header = bytes.substr(bytes.find("\xff\xf1"), 3);
  for (size_t at = 0; (at = bytes.find(header, at)) != std::string::npos; ++at) {
    bytes[at + 1] = '\xf0';
    bytes[at + 6] |= 1;
  }
  folder.write("several.ts", bytes);
  EXPECT_ERROR(write_film(folder / "b.mkv", folder / "several.ts"), ErrorKind::input, "cannot copy the sound of ");
}

TEST(AudioCopy, ADamagedFilmIsAnErrorOrItsSound) {
  const test::TempDir folder;
  for (const char* name : {"a.mp4", "a.mkv", "a.ts"}) {
    make_source(folder / name, "-c:v libx264 -pix_fmt yuv420p -c:a aac");
    const std::string bytes = test::run("cat " + test::quoted(folder / name));
    for (int place = 0; place < 40; ++place) {
      std::string damaged = bytes;
      damaged[bytes.size() * static_cast<size_t>(place) / 40] ^= 0x55;
      folder.write(std::string("damaged-") + name, damaged);
      try {
        write_film(folder / "b.mkv", folder / (std::string("damaged-") + name), 3);
      } catch (const Error& error) {
        EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace soragen::media
