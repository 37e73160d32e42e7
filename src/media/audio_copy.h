// The sound of one film into another: every audio stream, its packets as they are. Nothing is decoded.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "media/av.h"
#include "media/film_format.h"

namespace soragen::media {

class AudioCopy {
 public:
  using PacketFn = std::function<void(AVPacket&)>;  // of a stream of the output, in its time base; may throw

  // Adds a stream to the output for each audio stream of the film. Throws as check_audio (film_writer.h), and
  // Error{input}.
  AudioCopy(const FilmFormat& format, AVFormatContext& output);

  // The packets before a time, in microseconds since the film began. Throws Error{input} if the film is damaged.
  void write_until(int64_t time, const PacketFn& write);
  void write_rest(const PacketFn& write);

 private:
  bool read();

  std::string name_;
  InputPtr input_;
  AVFormatContext& output_;
  std::vector<int> stream_of_;  // of the output, by stream of the input; -1: not copied
  PacketPtr packet_ = make_packet();
  int64_t time_ = 0;  // of packet_, while there is one
  bool has_packet_ = false;
};

}  // namespace soragen::media
