// Reads a film somebody made: what is in it, and its frames as RGB. Everything in the file is hostile: only
// local files, only the containers and codecs listed in reader.cpp (no playlists, which would open other files),
// pictures of at most kMaxPixels. Damage is Error{input}; no frame is repaired or made up. A film shorter than its
// header says is cut off and an error too; Y4M, GIF and streamed files say nothing, and are read to their last whole
// frame.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/orientation.h"
#include "soragen/frame.h"
#include "soragen/rational.h"

namespace soragen::media {

inline constexpr int64_t kMaxPixels = int64_t{8192} * 8192;  // 8K with room; a frame of it is 200 MB of RGB

struct StreamInfo {
  std::string kind;   // "video", "audio", ...
  std::string codec;  // libav's name: "h264", "hevc", "av1", "vp9", "ffv1", "gif", "png", "rawvideo"
};

// Tags by libav's names ("tv", "bt709"), "unknown" where the file has none.
struct VideoInfo {
  std::string codec, pixel_format;
  std::string color_range, color_space, color_primaries, color_transfer;
  int width = 0;
  int height = 0;
  Rational frame_rate;          // the average; 0/1 if unknown
  Rational base_rate;           // the lowest at which every frame has a time of its own, as far as known; else 0/1
  int64_t frame_count = 0;      // as the container states it; 0 if it does not
  Rational pixel_aspect{1, 1};  // width by height
  std::optional<Orientation> orientation = Orientation{};  // of the stored pictures; nothing: no quarter turn
  bool is_interlaced = false;
};

struct FilmInfo {
  std::string container;  // libav's names, "mov,mp4,m4a,3gp,3g2,mj2"
  double duration = 0;    // seconds; 0 if unknown
  std::vector<StreamInfo> streams;
  VideoInfo video;                              // the best video stream
  std::map<std::string, std::string> metadata;  // of the file, then of the video stream where the file has no such key
};

class Reader {
 public:
  explicit Reader(
      const std::filesystem::path& path);  // throws Error{input} or, for a codec we do not open, {unsupported}
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  const FilmInfo& info() const;
  bool next(Frame& frame);  // false at the end; the frame's memory is reused. As stored, see VideoInfo::orientation
  // In microseconds since the first of the film's streams began: when the frame of the last next() is shown, and, once
  // that was false, when the last frame's time ends.
  int64_t time() const;
  int64_t end() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soragen::media
