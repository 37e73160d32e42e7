#include "media/audio_copy.h"

#include <fmt/ranges.h>

#include <limits>

#include "core/fail.h"
#include "media/film_writer.h"
#include "media/input.h"

namespace soragen::media {
namespace {

// The video is looked at too, since the film's start is that of whichever stream begins first.
InputPtr open_film(const FilmFormat& format) {
  return open_input(format.audio_from, kVideoDecoders + "," + kAudioDecoders);
}

bool is_audio(const AVStream& stream) { return stream.codecpar->codec_type == AVMEDIA_TYPE_AUDIO; }

void copy_stream(const AVStream& from, AVFormatContext& output, const std::string& name) {
  AVStream* to = avformat_new_stream(&output, nullptr);
  if (to == nullptr) throw std::bad_alloc();
  av_check(avcodec_parameters_copy(to->codecpar, from.codecpar), "describe the sound of", name, ErrorKind::input);
  to->codecpar->codec_tag = 0;  // each container has its own names
  to->time_base = from.time_base;
  to->disposition = from.disposition;
  av_check(av_dict_copy(&to->metadata, from.metadata, 0), "describe the sound of", name, ErrorKind::resource);
}

// In memory.
bool can_start(AVFormatContext& output) {
  av_check(avio_open_dyn_buf(&output.pb), "try", output.oformat->name, ErrorKind::resource);
  const int result = avformat_init_output(&output, nullptr);
  uint8_t* bytes = nullptr;
  avio_close_dyn_buf(std::exchange(output.pb, nullptr), &bytes);
  av_free(bytes);
  return result >= 0;
}

// A muxer's list is not the whole truth: what is experimental or lacks a parameter it refuses only when it starts.
bool can_hold(const Container& container, const AVFormatContext& film) {
  if (container.muxer.empty()) return false;  // numbered images
  AVFormatContext* context = nullptr;
  if (avformat_alloc_output_context2(&context, nullptr, std::string(container.muxer).c_str(), nullptr) < 0)
    return false;
  const OutputPtr trial(context);
  for (unsigned i = 0; i < film.nb_streams; ++i) {
    if (!is_audio(*film.streams[i])) continue;
    if (avformat_query_codec(trial->oformat, film.streams[i]->codecpar->codec_id, FF_COMPLIANCE_NORMAL) != 1)
      return false;
    copy_stream(*film.streams[i], *trial, film.url);
  }
  return trial->nb_streams == 0 || can_start(*trial);
}

[[noreturn]] void refuse(const FilmFormat& format, const AVFormatContext& film) {
  std::vector<std::string_view> codecs, able;
  for (unsigned i = 0; i < film.nb_streams; ++i)
    if (is_audio(*film.streams[i])) codecs.push_back(avcodec_get_name(film.streams[i]->codecpar->codec_id));
  for (const Container& container : containers())
    if (can_hold(container, film)) able.push_back(container.extension);
  fail(ErrorKind::unsupported, "cannot copy the sound of {} ({}) into {}; {}, --no-audio leaves it out",
       format.audio_from, fmt::join(codecs, ", "), format.container->extension,
       able.empty() ? "no form of output can hold it" : fmt::format("{} can hold it", fmt::join(able, ", ")));
}

}  // namespace

void check_audio(const FilmFormat& format) {
  const InputPtr film = open_film(format);
  if (!can_hold(*format.container, *film)) refuse(format, *film);
}

AudioCopy::AudioCopy(const FilmFormat& format, AVFormatContext& output)
    : name_(format.audio_from), input_(open_film(format)), output_(output) {
  if (!can_hold(*format.container, *input_)) refuse(format, *input_);
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    AVStream& stream = *input_->streams[i];
    stream_of_.push_back(is_audio(stream) ? static_cast<int>(output.nb_streams) : -1);
    if (is_audio(stream))
      copy_stream(stream, output, name_);
    else
      stream.discard = AVDISCARD_ALL;
  }
}

// The next packet of a stream that is copied, its times since the film's start.
bool AudioCopy::read() {
  do {
    av_packet_unref(packet_.get());
    const int result = av_read_frame(input_.get(), packet_.get());
    if (result == AVERROR_EOF) return false;
    av_check(result, "read the sound of", name_, ErrorKind::input);
    // Of a stream that begins in the middle of the file nothing was known at its start.
  } while (static_cast<size_t>(packet_->stream_index) >= stream_of_.size() || stream_of_[packet_->stream_index] < 0);
  if ((packet_->flags & AV_PKT_FLAG_CORRUPT) != 0) fail(ErrorKind::input, "the sound of {} is damaged", name_);
  const AVRational unit = input_->streams[packet_->stream_index]->time_base;
  const int64_t stamp = packet_->dts == AV_NOPTS_VALUE ? packet_->pts : packet_->dts;
  if (stamp == AV_NOPTS_VALUE) fail(ErrorKind::input, "the sound of {} has packets without a time", name_);
  const int64_t start = av_rescale_q(start_of(*input_), AV_TIME_BASE_Q, unit);
  for (int64_t* time : {&packet_->pts, &packet_->dts})
    *time = av_sat_sub64(*time == AV_NOPTS_VALUE ? stamp : *time, start);
  time_ = av_rescale_q(av_sat_sub64(stamp, start), unit, AV_TIME_BASE_Q);
  return true;
}

void AudioCopy::write_until(int64_t time, const PacketFn& write) {
  while (has_packet_ || read()) {
    has_packet_ = true;
    if (time_ >= time) return;
    const AVRational unit = input_->streams[packet_->stream_index]->time_base;
    packet_->stream_index = stream_of_[packet_->stream_index];
    packet_->pos = -1;
    av_packet_rescale_ts(packet_.get(), unit, output_.streams[packet_->stream_index]->time_base);
    write(*packet_);
    has_packet_ = false;
  }
}

void AudioCopy::write_rest(const PacketFn& write) { write_until(std::numeric_limits<int64_t>::max(), write); }

}  // namespace soragen::media
