// libav's resources in owning types, its errors as ours, its log lines in our log.
// Only src/media includes this header, and no header of src/media that others include does.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "soragen/error.h"
#include "soragen/rational.h"

namespace soragen::media {

template <auto kFree>
struct AvFree {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(&pointer);
  }  // libav's free functions take T**
};
struct OutputFree {
  void operator()(AVFormatContext* context) const {
    if (!(context->oformat->flags & AVFMT_NOFILE)) avio_closep(&context->pb);
    avformat_free_context(context);
  }
};
struct SwsFree {
  void operator()(SwsContext* context) const { sws_freeContext(context); }
};

using FramePtr = std::unique_ptr<AVFrame, AvFree<av_frame_free>>;
using PacketPtr = std::unique_ptr<AVPacket, AvFree<av_packet_free>>;
using CodecContextPtr = std::unique_ptr<AVCodecContext, AvFree<avcodec_free_context>>;
using InputPtr = std::unique_ptr<AVFormatContext, AvFree<avformat_close_input>>;
using OutputPtr = std::unique_ptr<AVFormatContext, OutputFree>;
using SwsPtr = std::unique_ptr<SwsContext, SwsFree>;

FramePtr make_frame();
PacketPtr make_packet();
// Rows aligned and padded as libav's assembler, which reads and writes past them, needs it; all zero, so that what it
// reads there is the same every time.
FramePtr make_picture(AVPixelFormat format, int width, int height);

// A full disk, a closed pipe, a file size limit, missing memory.
bool is_resource_error(int result);

// Returns result, or throws "cannot <action> <subject>: <libav's reason>" if it is negative. A resource error is
// Error{resource}; anything else is `otherwise`.
int av_check(int result, std::string_view action, std::string_view subject, ErrorKind otherwise);

// Options for a libav call, which takes those it knows. Those it left are an error of ours.
class AvOptions {
 public:
  AvOptions() = default;
  explicit AvOptions(const std::map<std::string, std::string>& options);
  ~AvOptions() { av_dict_free(&dictionary_); }
  AvOptions(const AvOptions&) = delete;
  AvOptions& operator=(const AvOptions&) = delete;

  void set(const std::string& key, const std::string& value);
  AVDictionary** get() { return &dictionary_; }
  AVDictionary* release() { return std::exchange(dictionary_, nullptr); }
  void expect_all_taken(std::string_view taker) const;  // Error{internal} naming the first one left

 private:
  AVDictionary* dictionary_ = nullptr;
};

// "file:" in front: libav would take the part of a name before a colon as a protocol.
std::string file_url(const std::filesystem::path& path);

// A tag as the number that it is: hostile files put values into libav's enums that C++ may not load as such.
template <typename Tag>
int number_of(const Tag& tag) {
  int number = 0;
  static_assert(sizeof tag == sizeof number);
  std::memcpy(&number, &tag, sizeof number);
  return number;
}

AVRational to_av(const Rational& value);

// Sends libav's errors and warnings to our log, once, as debug lines: the exception that follows carries the verdict.
// The encoders' chatter below that is dropped. SVT-AV1 writes to stderr itself and obeys only SVT_LOG, which is set
// to errors unless the user has set it.
void use_our_log();

// The first error that libav has logged in this thread about `source` since the last call, or "". Decoders that patch
// damage over say so nowhere else.
std::string take_logged_error(const void* source);

}  // namespace soragen::media
