// Frames to packets of one codec. The same frames give the same packets, on any number of cores.
#pragma once

#include <functional>

#include "media/av.h"
#include "media/film_format.h"
#include "media/pixel_converter.h"
#include "soragen/frame.h"

namespace soragen::media {

class Encoder {
 public:
  using PacketFn = std::function<void(AVPacket&)>;  // time base: context().time_base; may throw

  // Throws Error{unsupported} if this libav lacks the encoder or the encoder cannot be opened so.
  // needs_global_header: the container keeps the codec's header itself (MP4, Matroska).
  Encoder(const FilmFormat& format, bool needs_global_header);
  ~Encoder();  // at any time, also between push and flush
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  void push(const Frame& frame, const PacketFn& on_packet);  // throws Error{input} on a frame of another size
  void flush(const PacketFn& on_packet);                     // after at least one frame
  const AVCodecContext& context() const { return *context_; }

 private:
  void send(const AVFrame* picture, const PacketFn& on_packet);

  const Codec& codec_;
  CodecContextPtr context_;
  PictureConverter converter_;
  FramePtr picture_;
  PacketPtr packet_;
  int64_t next_pts_ = 0;
  bool is_flushed_ = false;
};

}  // namespace soragen::media
