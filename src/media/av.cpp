#include "media/av.h"

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include "core/fail.h"
#include "core/log.h"

namespace soragen::media {
namespace {

struct LoggedError {
  const void* source = nullptr;
  std::string text;
};
thread_local LoggedError logged_error;

void on_av_log(void* source, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_WARNING) return;
  char line[1024];
  int print_prefix = 1;
  av_log_format_line2(source, level, format, arguments, line, sizeof line, &print_prefix);
  std::string_view text(line);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  if (text.empty()) return;
  if (level <= AV_LOG_ERROR && logged_error.source != source) logged_error = {source, std::string(text)};
  log_line(LogLevel::debug, text);
}

}  // namespace

FramePtr make_frame() {
  FramePtr frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  return frame;
}

PacketPtr make_packet() {
  PacketPtr packet(av_packet_alloc());
  if (!packet) throw std::bad_alloc();
  return packet;
}

FramePtr make_picture(AVPixelFormat format, int width, int height) {
  FramePtr picture = make_frame();
  picture->format = format;
  picture->width = width;
  picture->height = height;
  av_check(av_frame_get_buffer(picture.get(), 0), "allocate a picture of", fmt::format("{}x{}", width, height),
           ErrorKind::resource);
  for (AVBufferRef* buffer : picture->buf)
    if (buffer != nullptr) std::memset(buffer->data, 0, buffer->size);
  return picture;
}

bool is_resource_error(int result) {
  switch (result) {
    case AVERROR(ENOSPC):
    case AVERROR(EDQUOT):
    case AVERROR(EFBIG):
    case AVERROR(EPIPE):
    case AVERROR(ENOMEM):
      return true;
    default:
      return false;
  }
}

int av_check(int result, std::string_view action, std::string_view subject, ErrorKind otherwise) {
  if (result >= 0) return result;
  char reason[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(result, reason, sizeof reason);
  fail(is_resource_error(result) ? ErrorKind::resource : otherwise, "cannot {} {}: {}", action, subject, reason);
}

AvOptions::AvOptions(const std::map<std::string, std::string>& options) {
  for (const auto& [key, value] : options) set(key, value);
}

void AvOptions::set(const std::string& key, const std::string& value) {
  if (av_dict_set(&dictionary_, key.c_str(), value.c_str(), 0) < 0) throw std::bad_alloc();
}

void AvOptions::expect_all_taken(std::string_view taker) const {
  if (const AVDictionaryEntry* left = av_dict_get(dictionary_, "", nullptr, AV_DICT_IGNORE_SUFFIX))
    fail(ErrorKind::internal, "{} of this libav knows no option {} (= {})", taker, left->key, left->value);
}

std::string file_url(const std::filesystem::path& path) { return "file:" + path.string(); }

AVRational to_av(const Rational& value) { return {static_cast<int>(value.num), static_cast<int>(value.den)}; }

std::string take_logged_error(const void* source) {
  const LoggedError error = std::exchange(logged_error, {});
  return error.source == source ? error.text : "";
}

void use_our_log() {
  static std::once_flag once;
  std::call_once(once, [] {
    av_log_set_callback(on_av_log);
    ::setenv("SVT_LOG", "1", 0);
  });
}

}  // namespace soragen::media
