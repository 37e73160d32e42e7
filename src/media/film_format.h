// The output forms as two tables: containers by file name, codecs by name. A form is one row of each.
// Everything that can be said about an output before a frame exists is decided and checked here.
//
// Colour: 4:2:0 forms are BT.709 limited range with left-sited chroma, tagged so; RGB forms keep the
// frames' full-range sRGB. Y4M has no tag for the matrix: a reader that matters must be told
// (ffmpeg: -colorspace bt709 before -i, or setparams=colorspace=bt709).
// Time: MP4 and MOV hold frame i at exactly i/fps. Matroska and WebM as libav writes them round each
// timestamp to 1 ms and state the exact frame duration beside; GIF rounds to 10 ms.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "soragen/rational.h"

namespace soragen::media {

struct CrfRange {
  int best = 0;
  int worst = 0;
  int usual = 0;
};

struct Codec {
  std::string_view name;          // what --codec takes
  std::string_view encoder;       // libav's name
  std::string_view pixel_format;  // libav's name
  int min_side = 1;               // below it the encoder refuses or cannot code the picture
  int max_side = 0;               // what the format or the encoder can state
  int max_fps = 0;
  std::optional<CrfRange> crf = {};
  std::vector<std::pair<std::string, std::string>> options = {};
  bool needs_end = false;  // its shutdown hangs unless it has had a frame and the end of the film

  bool is_subsampled() const { return pixel_format == "yuv420p"; }
};

struct Container {
  std::string_view extension;            // ".mp4"; "-" is standard output
  std::string_view muxer;                // libav's name; "" for numbered images
  std::string_view media_type;           // "video/mp4"
  std::vector<std::string_view> codecs;  // the first is the default
  bool holds_metadata = false;
};

const std::vector<Codec>& codecs();
const std::vector<Container>& containers();

struct FilmFormat {
  const Container* container = nullptr;
  const Codec* codec = nullptr;
  int width = 0;
  int height = 0;
  Rational fps;
  std::optional<int> crf;                       // set exactly when the codec has one
  std::map<std::string, std::string> metadata;  // written where the container holds metadata
  Rational pixel_aspect{1, 1};                  // width by height
  std::string audio_from;                       // a film whose sound is copied; "": silent

  bool is_image_sequence() const { return container->muxer.empty(); }
};

struct FormatRequest {
  std::string path;   // a file name, a numbered name, or "-"
  std::string codec;  // "" is the container's default
  int width = 0;
  int height = 0;
  Rational fps;
  std::optional<int> crf;
  std::map<std::string, std::string> metadata;
  Rational pixel_aspect{1, 1};
  std::string audio_from;
};

// Throws Error{usage} for what the request got wrong and Error{unsupported} for what the form cannot hold;
// each message names what would be valid.
FilmFormat choose_format(const FormatRequest& request);

}  // namespace soragen::media
