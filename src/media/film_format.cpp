#include "media/film_format.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "core/fail.h"
#include "core/spelling.h"

namespace soragen::media {
namespace {

constexpr int64_t kMaxRateTerm = 10'000'000;  // as parse_frame_rate

std::string extension_of(const std::string& path) {
  if (path == "-") return path;
  std::string extension = std::filesystem::path(path).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return extension;
}

const Container& choose_container(const std::string& path) {
  const std::string extension = extension_of(path);
  std::vector<std::string> known;
  for (const Container& row : containers()) {
    if (row.extension == extension) return row;
    known.emplace_back(row.extension);
  }
  const std::string nearest = nearest_word(extension, known);
  fail(ErrorKind::usage,
       "cannot tell the output form of '{}': {}{}; the name must end in one of {}, or be - for y4m on stdout", path,
       extension.empty() ? "it has no extension" : "its extension '" + extension + "' is not known",
       nearest.empty() || nearest == "-" ? "" : " (did you mean " + nearest + "?)",
       fmt::join(known.begin(), known.end() - 1, " "));
}

const Codec& choose_codec(const Container& container, const std::string& name) {
  const std::string_view wanted = name.empty() ? container.codecs.front() : std::string_view(name);
  if (std::find(container.codecs.begin(), container.codecs.end(), wanted) == container.codecs.end())
    fail(ErrorKind::usage, "codec '{}' cannot go into {}; it takes {}", wanted,
         container.extension == "-" ? "y4m on stdout" : container.extension, fmt::join(container.codecs, ", "));
  return *std::find_if(codecs().begin(), codecs().end(), [&](const Codec& row) { return row.name == wanted; });
}

std::optional<int> choose_crf(const Codec& codec, std::optional<int> crf) {
  if (!codec.crf) {
    if (crf) fail(ErrorKind::usage, "{} has no crf: its quality is fixed; leave --crf out", codec.name);
    return std::nullopt;
  }
  const int value = crf.value_or(codec.crf->usual);
  if (value < codec.crf->best || value > codec.crf->worst)
    fail(ErrorKind::usage, "crf {} is not valid for {}; use {} (best) to {} (smallest file), usually {}", value,
         codec.name, codec.crf->best, codec.crf->worst, codec.crf->usual);
  return value;
}

void check_size(const Codec& codec, int width, int height) {
  if (width < codec.min_side || height < codec.min_side || width > codec.max_side || height > codec.max_side)
    fail(ErrorKind::unsupported, "{} cannot encode {}x{}: each side must be from {} to {}", codec.name, width, height,
         codec.min_side, codec.max_side);
  if (codec.is_subsampled() && (width % 2 != 0 || height % 2 != 0))
    fail(ErrorKind::unsupported,
         "{} cannot encode {}x{}: its 4:2:0 colour planes need an even width and height; .mkv (ffv1), .gif and "
         "%04d.png take odd sizes",
         codec.name, width, height);
}

void check_rate(const Codec& codec, const Rational& fps) {
  if (fps.num <= 0 || fps.den <= 0 || fps.num > kMaxRateTerm || fps.den > kMaxRateTerm)
    fail(ErrorKind::usage, "frame rate {}/{} is not valid; both numbers must be from 1 to {}", fps.num, fps.den,
         kMaxRateTerm);
  if (fps.value() > codec.max_fps)
    fail(ErrorKind::unsupported, "{} cannot hold {} frames a second; at most {}", codec.name, to_string(fps),
         codec.max_fps);
}

}  // namespace

// Fixed numbers of threads and slices, here and in the encoder, keep the bytes the same on every machine.
// Smallest sides were found by encoding under a memory checker: SVT-AV1 refuses less than 64; x265 (3.5) takes 16 but
// writes past its lookahead's memory below 64; ffv1 in 4 slices is not lossless below 3.
const std::vector<Codec>& codecs() {
  // clang-format off
  static const std::vector<Codec> table = {
      {"h264", "libx264", "yuv420p", 2, 16384, 1000, CrfRange{0, 51, 18}, {{"preset", "medium"}}},
      {"h265", "libx265", "yuv420p", 64, 16384, 1000, CrfRange{0, 51, 20},
       {{"preset", "medium"}, {"x265-params", "log-level=error"}}},
      // In libav's wrapper crf 0 means "not set".
      {"av1", "libsvtav1", "yuv420p", 64, 8704, 240, CrfRange{1, 63, 24}, {{"preset", "8"}}, true},
      {"vp9", "libvpx-vp9", "yuv420p", 2, 16384, 1000, CrfRange{0, 63, 24},
       {{"b", "0"}, {"deadline", "good"}, {"cpu-used", "4"}}},
      // Version 3: independent slices with a checksum each; g=1: every frame stands alone.
      {"ffv1", "ffv1", "bgr0", 3, 16384, 1000, {}, {{"level", "3"}, {"g", "1"}, {"slices", "4"}, {"slicecrc", "1"}}},
      // A GIF delay counts 10 ms, and viewers slow a delay of 10 ms down tenfold.
      {"gif", "gif", "pal8", 1, 16384, 50},
      {"png", "png", "rgb24", 1, 16384, 1000, {}, {{"pred", "mixed"}}},
      {"y4m", "wrapped_avframe", "yuv420p", 2, 16384, 1000},
  };
  // clang-format on
  return table;
}

const std::vector<Container>& containers() {
  static const std::vector<Container> table = {
      {".mp4", "mp4", "video/mp4", {"h264", "h265", "av1", "vp9"}, true},
      {".m4v", "mp4", "video/x-m4v", {"h264", "h265"}, true},
      {".mov", "mov", "video/quicktime", {"h264", "h265"}, true},
      {".mkv", "matroska", "video/x-matroska", {"ffv1", "h264", "h265", "av1", "vp9"}, true},
      {".webm", "webm", "video/webm", {"vp9", "av1"}, true},
      {".gif", "gif", "image/gif", {"gif"}},
      {".png", "", "image/png", {"png"}},
      {".y4m", "yuv4mpegpipe", "video/x-yuv4mpeg", {"y4m"}},
      {"-", "yuv4mpegpipe", "video/x-yuv4mpeg", {"y4m"}},
  };
  return table;
}

FilmFormat choose_format(const FormatRequest& request) {
  FilmFormat format;
  format.container = &choose_container(request.path);
  format.codec = &choose_codec(*format.container, request.codec);
  format.crf = choose_crf(*format.codec, request.crf);
  check_size(*format.codec, request.width, request.height);
  check_rate(*format.codec, request.fps);
  format.width = request.width;
  format.height = request.height;
  format.fps = request.fps;
  format.metadata = request.metadata;
  format.pixel_aspect = request.pixel_aspect;
  format.audio_from = request.audio_from;
  return format;
}

}  // namespace soragen::media
