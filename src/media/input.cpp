#include "media/input.h"

#include <array>
#include <fstream>
#include <vector>

#include "core/fail.h"
#include "media/reader.h"

namespace soragen::media {
namespace {

// What films come in. Left out on purpose: formats that name other files (hls, dash, concat, image2).
constexpr const char* kContainers = "mov,matroska,gif,yuv4mpegpipe,png_pipe,jpeg_pipe,avi,mpegts,ivf";

// libav takes a photo whose end it has not seen for image2, which would read other files too.
const AVInputFormat* format_of(const std::filesystem::path& path) {
  std::array<char, 3> start{};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  return start == std::array<char, 3>{'\xFF', '\xD8', '\xFF'} ? av_find_input_format("jpeg_pipe") : nullptr;
}

void check_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto kind = std::filesystem::status(path, error).type();
  if (kind == std::filesystem::file_type::not_found)
    fail(ErrorKind::input, "cannot read {}: no such file", path.string());
  if (error) fail(ErrorKind::input, "cannot read {}: {}", path.string(), error.message());
  if (kind != std::filesystem::file_type::regular)
    fail(ErrorKind::input, "cannot read {}: it is not a regular file", path.string());
  if (std::filesystem::is_empty(path, error))
    fail(ErrorKind::input, "cannot read {}: the file is empty", path.string());
}

// Opens every stream's decoder for a moment, within the same limits as the one that reads on.
void find_streams(AVFormatContext& input, const std::string& name) {
  std::vector<AvOptions> options(input.nb_streams);
  std::vector<AVDictionary*> per_stream;
  for (AvOptions& option : options) {
    option.set("max_pixels", std::to_string(kMaxPixels));
    per_stream.push_back(option.release());
  }
  const int result = avformat_find_stream_info(&input, per_stream.data());
  for (AVDictionary*& dictionary : per_stream) av_dict_free(&dictionary);
  av_check(result, "read the streams of", name, ErrorKind::input);
}

}  // namespace

InputPtr open_input(const std::filesystem::path& path, const std::string& decoders) {
  use_our_log();
  check_file(path);
  AvOptions options({{"format_whitelist", kContainers}, {"codec_whitelist", decoders}, {"protocol_whitelist", "file"}});
  AVFormatContext* context = nullptr;
  av_check(avformat_open_input(&context, file_url(path).c_str(), format_of(path), options.get()), "read",
           path.string() + " as a film", ErrorKind::input);
  InputPtr input(context);
  options.expect_all_taken("libavformat");
  find_streams(*input, path.string());
  return input;
}

int64_t start_of(const AVFormatContext& input) { return input.start_time == AV_NOPTS_VALUE ? 0 : input.start_time; }

bool is_image(const AVStream& stream) { return (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) != 0; }

}  // namespace soragen::media
