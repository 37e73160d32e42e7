#include "media/reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/fail.h"
#include "media/input.h"
#include "media/pixel_converter.h"

namespace soragen::media {
namespace {

std::string text_or_unknown(const char* text) { return text == nullptr ? "unknown" : text; }

template <typename Tag>
std::string tag_name(const Tag& tag, Tag end, const char* (*name_of)(Tag)) {
  const int number = number_of(tag);
  return text_or_unknown(number >= 0 && number < end ? name_of(tag) : nullptr);
}

AVStream& find_video(AVFormatContext& input, const std::string& name) {
  const int index = av_find_best_stream(&input, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (index < 0 || is_image(*input.streams[index])) fail(ErrorKind::input, "{} has no video stream", name);
  const AVCodecParameters& video = *input.streams[index]->codecpar;
  if (video.width <= 0 || video.height <= 0 || int64_t{video.width} * video.height > kMaxPixels)
    fail(ErrorKind::input, "{}: the picture is {}x{}; at most {} pixels are read", name, video.width, video.height,
         kMaxPixels);
  return *input.streams[index];
}

CodecContextPtr open_decoder(const AVStream& stream, const std::string& name) {
  const AVCodecParameters& video = *stream.codecpar;
  const AVCodec* decoder = avcodec_find_decoder(video.codec_id);
  const std::string subject = fmt::format("{} video of {}", avcodec_get_name(video.codec_id), name);
  if (decoder == nullptr)
    fail(ErrorKind::unsupported, "cannot decode the {}: the installed libavcodec has no decoder for it", subject);
  CodecContextPtr context(avcodec_alloc_context3(decoder));
  if (!context) throw std::bad_alloc();
  av_check(avcodec_parameters_to_context(context.get(), &video), "decode the", subject, ErrorKind::input);
  context->pkt_timebase = stream.time_base;
  context->err_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE;  // damage is an error, not a grey patch
  AvOptions options({{"max_pixels", std::to_string(kMaxPixels)}, {"codec_whitelist", kVideoDecoders}});
  av_check(avcodec_open2(context.get(), decoder, options.get()), "decode the", subject, ErrorKind::unsupported);
  options.expect_all_taken("libavcodec");
  take_logged_error(context.get());  // of a context before it at the same address
  return context;
}

void add_metadata(const AVDictionary* dictionary, std::map<std::string, std::string>& metadata) {
  const AVDictionaryEntry* entry = nullptr;
  while ((entry = av_dict_get(dictionary, "", entry, AV_DICT_IGNORE_SUFFIX)) != nullptr)
    metadata.emplace(entry->key, entry->value);
}

// A hostile file may state any time.
int64_t since_start(const AVFormatContext& input, int64_t time) {
  constexpr int64_t kLongest = int64_t{1'000'000'000} * AV_TIME_BASE;  // thirty years
  return std::clamp(av_sat_sub64(time, start_of(input)), -kLongest, kLongest);
}

Rational rate_or_unknown(const AVRational& rate) {
  return rate.num > 0 && rate.den > 0 ? Rational{rate.num, rate.den} : Rational{};
}

std::optional<Orientation> orientation_in(const AVStream& stream) {
  size_t size = 0;
  const uint8_t* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  std::array<int32_t, 9> matrix{};
  if (data == nullptr || size < sizeof matrix) return Orientation{};
  std::memcpy(matrix.data(), data, sizeof matrix);
  return orientation_of(matrix.data());
}

VideoInfo describe_video(AVFormatContext& input, AVStream& stream) {
  const AVCodecParameters& video = *stream.codecpar;
  const AVRational aspect = av_guess_sample_aspect_ratio(&input, &stream, nullptr);
  VideoInfo info;
  info.codec = avcodec_get_name(video.codec_id);
  info.pixel_format = text_or_unknown(av_get_pix_fmt_name(static_cast<AVPixelFormat>(video.format)));
  info.color_range = tag_name(video.color_range, AVCOL_RANGE_NB, av_color_range_name);
  info.color_space = tag_name(video.color_space, AVCOL_SPC_NB, av_color_space_name);
  info.color_primaries = tag_name(video.color_primaries, AVCOL_PRI_NB, av_color_primaries_name);
  info.color_transfer = tag_name(video.color_trc, AVCOL_TRC_NB, av_color_transfer_name);
  info.width = video.width;
  info.height = video.height;
  info.base_rate = rate_or_unknown(stream.r_frame_rate);
  info.frame_rate = rate_or_unknown(stream.avg_frame_rate);
  if (info.frame_rate.num == 0) info.frame_rate = info.base_rate;
  if (aspect.num > 0 && aspect.den > 0) info.pixel_aspect = {aspect.num, aspect.den};
  info.orientation = orientation_in(stream);
  info.is_interlaced = number_of(video.field_order) > AV_FIELD_PROGRESSIVE;
  info.frame_count = std::max<int64_t>(stream.nb_frames, 0);
  return info;
}

FilmInfo describe(AVFormatContext& input, AVStream& video) {
  FilmInfo info;
  info.container = input.iformat->name;
  if (input.duration > 0) info.duration = static_cast<double>(input.duration) / AV_TIME_BASE;
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    const AVCodecParameters& stream = *input.streams[i]->codecpar;
    info.streams.push_back(
        {text_or_unknown(av_get_media_type_string(stream.codec_type)), avcodec_get_name(stream.codec_id)});
  }
  info.video = describe_video(input, video);
  add_metadata(input.metadata, info.metadata);
  add_metadata(video.metadata, info.metadata);
  return info;
}

}  // namespace

struct Reader::State {
  std::string name;
  InputPtr input;
  AVStream* stream = nullptr;
  CodecContextPtr decoder;
  FilmInfo info;
  FrameConverter converter;
  PacketPtr packet = make_packet();
  FramePtr picture = make_frame();
  int64_t next_frame = 0;
  int64_t time = 0;       // of the last frame, from the film's start, in microseconds as those below
  int64_t video_end = 0;  // of the video packets that were read, on the file's clock
  int64_t end = 0;        // of the packets of all streams

  explicit State(const std::filesystem::path& path)
      : name(path.string()),
        input(open_input(path, kVideoDecoders)),
        converter(std::string_view(input->iformat->name) == "yuv4mpegpipe") {
    stream = &find_video(*input, name);
    decoder = open_decoder(*stream, name);
    info = describe(*input, *stream);
  }

  void feed();
  int64_t frame_duration() const;  // in microseconds; 0 if unknown
  void note_end();
  void note_time();
  void check_length() const;
  void check_damage() const;
  void check_size() const;
};

// One packet of the video stream to the decoder, or the end.
void Reader::State::feed() {
  const std::string subject = fmt::format("{} after frame {}", name, next_frame);
  int result = 0;
  do {
    av_packet_unref(packet.get());
    result = av_read_frame(input.get(), packet.get());
    if (result >= 0) note_end();
  } while (result >= 0 && packet->stream_index != stream->index);
  if (result == AVERROR_EOF) {
    av_check(avcodec_send_packet(decoder.get(), nullptr), "decode", subject, ErrorKind::input);
    return;
  }
  av_check(result, "read", subject, ErrorKind::input);
  if ((packet->flags & AV_PKT_FLAG_CORRUPT) != 0)
    fail(ErrorKind::input, "cannot read {}: the file is damaged or cut off there", subject);
  av_check(avcodec_send_packet(decoder.get(), packet.get()), "decode", subject, ErrorKind::input);
}

int64_t Reader::State::frame_duration() const {
  return info.video.frame_rate.num > 0 ? std::llround(AV_TIME_BASE / info.video.frame_rate.value()) : 0;
}

void Reader::State::note_end() {
  if (packet->pts == AV_NOPTS_VALUE) return;
  const AVRational unit = input->streams[packet->stream_index]->time_base;
  const bool needs_duration = packet->duration <= 0 && packet->stream_index == stream->index;
  const int64_t duration = needs_duration ? frame_duration() : av_rescale_q(packet->duration, unit, AV_TIME_BASE_Q);
  const int64_t packet_end = av_rescale_q(packet->pts, unit, AV_TIME_BASE_Q) + duration;
  end = std::max(end, packet_end);
  if (packet->stream_index == stream->index) video_end = std::max(video_end, packet_end);
}

// A frame without a time follows the one before it.
void Reader::State::note_time() {
  const int64_t stamp = picture->best_effort_timestamp;
  if (stamp != AV_NOPTS_VALUE)
    time = since_start(*input, av_rescale_q(stamp, stream->time_base, AV_TIME_BASE_Q));
  else if (next_frame > 0)
    time += frame_duration();
}

// A file cut off between two packets looks like one that ends there, but it is shorter than its header says.
void Reader::State::check_length() const {
  if (next_frame == 0) fail(ErrorKind::input, "cannot read {}: no frame of its video can be decoded", name);
  if (input->duration <= 0 || input->duration_estimation_method != AVFMT_DURATION_FROM_STREAM) return;
  const int64_t start = start_of(*input);
  const int64_t slack =
      std::max<int64_t>(frame_duration() * 3 / 4, 2000);  // rounded times never add up to a whole frame
  if (end - start < input->duration - slack)
    fail(ErrorKind::input, "{} is cut off: it says that it lasts {:.3f} s, but ends after {:.3f} s", name,
         info.duration, static_cast<double>(end - start) / AV_TIME_BASE);
}

// Some decoders patch damage over and return a picture; they say so in its flags or only in the log.
void Reader::State::check_damage() const {
  const std::string logged = take_logged_error(decoder.get());
  if (!logged.empty() || picture->decode_error_flags != 0 || (picture->flags & AV_FRAME_FLAG_CORRUPT) != 0)
    fail(ErrorKind::input, "cannot decode frame {} of {}: its data are damaged{}{}", next_frame, name,
         logged.empty() ? "" : ": ", logged);
}

void Reader::State::check_size() const {
  if (picture->width != info.video.width || picture->height != info.video.height)
    fail(ErrorKind::input, "frame {} of {} is {}x{}, but the film is {}x{}", next_frame, name, picture->width,
         picture->height, info.video.width, info.video.height);
}

Reader::Reader(const std::filesystem::path& path) : state_(std::make_unique<State>(path)) {}
Reader::~Reader() = default;

const FilmInfo& Reader::info() const { return state_->info; }

int64_t Reader::time() const { return state_->time; }

int64_t Reader::end() const {
  const int64_t end = since_start(*state_->input, state_->video_end);
  return end > state_->time ? end
                            : state_->time + state_->frame_duration();  // a stream without times has no end either
}

bool Reader::next(Frame& frame) {
  while (true) {
    const int result = avcodec_receive_frame(state_->decoder.get(), state_->picture.get());
    if (result == AVERROR_EOF) {
      state_->check_damage();
      state_->check_length();
      return false;
    }
    if (result == AVERROR(EAGAIN)) {
      state_->feed();
      continue;
    }
    av_check(result, "decode", fmt::format("frame {} of {}", state_->next_frame, state_->name), ErrorKind::input);
    state_->check_damage();
    state_->check_size();
    state_->converter.convert(*state_->picture, frame);
    state_->note_time();
    ++state_->next_frame;
    return true;
  }
}

}  // namespace soragen::media
