#include "media/image_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "core/fail.h"
#include "media/encoder.h"

namespace soragen::media {
namespace {

// libav's own image2 muxer loses the errors of its writes; a PNG packet is a whole file, so it is written here.
void write_file(const std::filesystem::path& path, const uint8_t* data, size_t size) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  bool is_written = file >= 0;
  while (is_written && size > 0) {
    const ssize_t count = ::write(file, data, size);
    if (count < 0 && errno == EINTR) continue;
    is_written = count >= 0;
    if (is_written) data += count, size -= static_cast<size_t>(count);
  }
  const int error = errno;
  if (file >= 0) ::close(file);
  if (!is_written) av_check(AVERROR(error), "write", path.string(), ErrorKind::input);
}

class ImageWriter final : public FrameSink {
 public:
  ImageWriter(const FilmFormat& format, std::filesystem::path folder, NumberedName name)
      : folder_(std::move(folder)), name_(std::move(name)), encoder_(format, false) {}

  void push(const Frame& frame) override {
    encoder_.push(frame, [this](AVPacket& packet) { write(packet); });
  }
  void finish() override {
    encoder_.flush([this](AVPacket& packet) { write(packet); });
  }
  void abort() noexcept override {}

 private:
  void write(const AVPacket& packet) {
    write_file(folder_ / name_.at(next_++), packet.data, static_cast<size_t>(packet.size));
  }

  std::filesystem::path folder_;
  NumberedName name_;
  Encoder encoder_;
  int64_t next_ = 1;
};

bool are_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

std::string NumberedName::at(int64_t number) const { return fmt::format("{}{:0{}}{}", prefix, number, digits, suffix); }

bool NumberedName::matches(const std::string& name) const {
  if (name.size() < prefix.size() + static_cast<size_t>(digits) + suffix.size()) return false;
  const std::string_view number =
      std::string_view(name).substr(prefix.size(), name.size() - prefix.size() - suffix.size());
  return name.starts_with(prefix) && name.ends_with(suffix) && are_digits(number);
}

// The name is data from outside: it is taken apart here and never given to printf.
NumberedName parse_numbered_name(const std::string& name) {
  const size_t percent = name.find('%');
  const size_t d = percent == std::string::npos ? std::string::npos : name.find('d', percent);
  if (d != std::string::npos && name.find('%', d) == std::string::npos) {
    const std::string width = name.substr(percent + 1, d - percent - 1);
    const bool is_padded = width.size() == 2 && width[0] == '0' && width[1] >= '1' && width[1] <= '9';
    if (width.empty() || is_padded)
      return {name.substr(0, percent), name.substr(d + 1), is_padded ? width[1] - '0' : 1};
  }
  fail(ErrorKind::usage,
       "cannot number images by '{}': the name needs exactly one %d or %01d to %09d, as in frame_%04d.png", name);
}

std::unique_ptr<FrameSink> open_image_writer(const FilmFormat& format, const std::filesystem::path& folder,
                                             const NumberedName& name) {
  return std::make_unique<ImageWriter>(format, folder, name);
}

}  // namespace soragen::media
