#include "media/film_format.h"

#include "support/expect_error.h"

namespace soragen::media {
namespace {

FormatRequest request(std::string path, std::string codec = "") {
  return {.path = std::move(path), .codec = std::move(codec), .width = 64, .height = 64, .fps = {16, 1}};
}

TEST(FilmFormat, DefaultsFollowTheName) {
  EXPECT_EQ(choose_format(request("a.mp4")).codec->name, "h264");
  EXPECT_EQ(choose_format(request("a.b/c.MOV")).codec->name, "h264");
  EXPECT_EQ(choose_format(request("a.mkv")).codec->name, "ffv1");
  EXPECT_EQ(choose_format(request("a.webm")).codec->name, "vp9");
  EXPECT_EQ(choose_format(request("f/%04d.png")).codec->name, "png");
  EXPECT_EQ(choose_format(request("-")).codec->name, "y4m");
  EXPECT_EQ(choose_format(request("a.mp4")).crf, 18);
  EXPECT_EQ(choose_format(request("a.mkv")).crf, std::nullopt);
}

TEST(FilmFormat, EveryContainerNamesKnownCodecs) {
  for (const Container& container : containers())
    for (const std::string_view name : container.codecs)
      EXPECT_EQ(std::count_if(codecs().begin(), codecs().end(), [&](const Codec& codec) { return codec.name == name; }),
                1)
          << name;
}

TEST(FilmFormat, RefusesUnknownNames) {
  EXPECT_ERROR(choose_format(request("out.mp5")), ErrorKind::usage, "did you mean .mp4?");
  EXPECT_ERROR(choose_format(request("out.docx")), ErrorKind::usage, ".mp4 .m4v .mov .mkv .webm .gif .png .y4m");
  EXPECT_ERROR(choose_format(request("out")), ErrorKind::usage, "it has no extension");
  EXPECT_ERROR(choose_format(request("")), ErrorKind::usage, "it has no extension");
  EXPECT_ERROR(choose_format(request("a.webm", "h264")), ErrorKind::usage, "it takes vp9, av1");
  EXPECT_ERROR(choose_format(request("-", "h264")), ErrorKind::usage, "y4m on stdout; it takes y4m");
  EXPECT_ERROR(choose_format(request("a.mp4", "divx")), ErrorKind::usage, "'divx'");
}

TEST(FilmFormat, RefusesWhatTheCodecCannotDo) {
  const auto with = [](std::string path, std::string codec, int width, int height) {
    FormatRequest wrong = request(std::move(path), std::move(codec));
    wrong.width = width;
    wrong.height = height;
    return choose_format(wrong);
  };
  EXPECT_ERROR(with("a.mp4", "", 63, 64), ErrorKind::unsupported,
               "63x64: its 4:2:0 colour planes need an even width and height");
  EXPECT_ERROR(with("a.mp4", "", 0, 64), ErrorKind::unsupported, "from 2 to 16384");
  EXPECT_ERROR(with("a.mp4", "", -2, 64), ErrorKind::unsupported, "-2x64");
  EXPECT_ERROR(with("a.mp4", "av1", 62, 64), ErrorKind::unsupported, "from 64 to");
  EXPECT_ERROR(with("a.mp4", "h265", 64, 32), ErrorKind::unsupported, "from 64 to");
  EXPECT_ERROR(with("a.mkv", "", 1 << 20, 64), ErrorKind::unsupported, "to 16384");
  EXPECT_NO_THROW(with("a.gif", "", 63, 61));
}

TEST(FilmFormat, RefusesCrfOutOfRange) {
  FormatRequest wrong = request("a.mp4");
  wrong.crf = 52;
  EXPECT_ERROR(choose_format(wrong), ErrorKind::usage, "use 0 (best) to 51 (smallest file), usually 18");
  wrong.crf = -1;
  EXPECT_ERROR(choose_format(wrong), ErrorKind::usage, "crf -1");
  wrong = request("a.gif");
  wrong.crf = 20;
  EXPECT_ERROR(choose_format(wrong), ErrorKind::usage, "gif has no crf");
}

TEST(FilmFormat, RefusesRatesThatCannotBe) {
  FormatRequest wrong = request("a.gif");
  wrong.fps = {60, 1};
  EXPECT_ERROR(choose_format(wrong), ErrorKind::unsupported, "at most 50");
  wrong = request("a.mp4", "av1");
  wrong.fps = {241, 1};
  EXPECT_ERROR(choose_format(wrong), ErrorKind::unsupported, "at most 240");
  for (const Rational fps :
       {Rational{0, 1}, Rational{-24, 1}, Rational{24, 0}, Rational{int64_t{1} << 40, int64_t{1} << 39}}) {
    wrong = request("a.mp4");
    wrong.fps = fps;
    EXPECT_ERROR(choose_format(wrong), ErrorKind::usage, "from 1 to 10000000");
  }
}

}  // namespace
}  // namespace soragen::media
