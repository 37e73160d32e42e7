// Between our frames (full-range RGB, packed) and libav's pictures in any pixel format.
// Easy to get wrong: swscale's default matrix is BT.601, its default chroma siting is centred, and without
// SWS_FULL_CHR_H_INP it averages the chroma of RGB pairs before its filter. Its assembler reads and writes up to
// a vector past each row, so it never gets our tightly packed memory: rows are copied through a padded picture.
#pragma once

#include "media/av.h"
#include "soragen/frame.h"

namespace soragen::media {

// Writes frames into pictures of one format: yuv420p as limited-range BT.709 with left-sited chroma,
// pal8 with a palette per frame, RGB formats unchanged.
class PictureConverter {
 public:
  PictureConverter(AVPixelFormat format, int width, int height);
  void convert(const Frame& frame, AVFrame& picture);  // picture: of that format and size, writable

 private:
  AVPixelFormat format_;
  SwsPtr sws_;  // neither is there for pal8
  FramePtr rgb_;
};

// Reads pictures, each by its own tags. An untagged YUV picture is taken for BT.601 limited below 1280x720 and
// BT.709 from there on, as players take it; `assume_bt709` says that the container means BT.709. Chroma without a place
// is left-sited, the default of H.264 and all after it.
class FrameConverter {
 public:
  explicit FrameConverter(bool assume_bt709) : assume_bt709_(assume_bt709) {}
  void convert(const AVFrame& picture, Frame& frame);  // throws Error{unsupported} for a format swscale cannot read

 private:
  void prepare(const AVFrame& picture);

  bool assume_bt709_;
  SwsPtr sws_;
  FramePtr rgb_;
  struct Source {
    int width = 0, height = 0, format = -1, matrix = -1, range = -1, location = -1;
    bool operator==(const Source&) const = default;
  } source_;
};

}  // namespace soragen::media
