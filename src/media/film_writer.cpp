#include "media/film_writer.h"

#include "core/fail.h"
#include "media/audio_copy.h"
#include "media/av.h"
#include "media/encoder.h"

namespace soragen::media {
namespace {

bool is_iso_media(const Container& container) { return container.muxer == "mp4" || container.muxer == "mov"; }

// Ticks a second such that a frame is a whole number of them. At least 10000, as old players expect.
int64_t time_scale(const Rational& fps) {
  int64_t scale = fps.num;
  while (scale < 10'000) scale *= 2;
  return scale;
}

OutputPtr open_container(const Container& container, const std::string& url) {
  AVFormatContext* context = nullptr;
  av_check(avformat_alloc_output_context2(&context, nullptr, std::string(container.muxer).c_str(), url.c_str()),
           "write", url, ErrorKind::unsupported);
  OutputPtr output(context);
  output->flags |= AVFMT_FLAG_BITEXACT;
  if (container.extension == "-") output->flags |= AVFMT_FLAG_FLUSH_PACKETS;  // a reader sees a frame when it is made
  return output;
}

bool needs_global_header(const AVFormatContext& output) { return (output.oformat->flags & AVFMT_GLOBALHEADER) != 0; }

class FilmWriter final : public FrameSink {
 public:
  FilmWriter(const FilmFormat& format, const std::filesystem::path& path)
      : is_stdout_(format.container->extension == "-"),
        name_(is_stdout_ ? "standard output" : path.string()),
        audio_from_(format.audio_from),
        output_(open_container(*format.container, is_stdout_ ? "pipe:1" : file_url(path))),
        encoder_(format, needs_global_header(*output_)) {
    add_stream(format);
    if (!format.audio_from.empty()) audio_ = std::make_unique<AudioCopy>(format, *output_);
    av_check(avio_open(&output_->pb, output_->url, AVIO_FLAG_WRITE), "open", name_, ErrorKind::input);
    write_header(format);
  }

  ~FilmWriter() override { abort(); }

  void push(const Frame& frame) override {
    encoder_.push(frame, [this](AVPacket& packet) { write(packet); });
  }

  void finish() override {
    encoder_.flush([this](AVPacket& packet) { write(packet); });
    if (audio_) audio_->write_rest([this](AVPacket& packet) { interleave(packet); });
    has_trailer_ = true;
    check_write(av_write_trailer(output_.get()));
    check_write(avio_closep(&output_->pb));
  }

  void abort() noexcept override {
    // libav's GIF muxer frees its last packet only here; for MP4 it would move the whole film that is about to go.
    if (output_ && !has_trailer_ && std::string_view(output_->oformat->name) == "gif") av_write_trailer(output_.get());
    output_.reset();
  }

 private:
  void add_stream(const FilmFormat& format) {
    AVStream* stream = avformat_new_stream(output_.get(), nullptr);
    if (stream == nullptr) throw std::bad_alloc();
    av_check(avcodec_parameters_from_context(stream->codecpar, &encoder_.context()), "describe", name_,
             ErrorKind::internal);
    stream->time_base = encoder_.context().time_base;
    stream->avg_frame_rate = stream->r_frame_rate = encoder_.context().framerate;
    stream->sample_aspect_ratio = encoder_.context().sample_aspect_ratio;
    // Apple's players open HEVC only under this name: the header is in the container, not in the stream.
    if (is_iso_media(*format.container) && format.codec->name == "h265")
      stream->codecpar->codec_tag = MKTAG('h', 'v', 'c', '1');
    if (format.container->holds_metadata) output_->metadata = AvOptions(format.metadata).release();
  }

  void write_header(const FilmFormat& format) {
    AvOptions options;
    if (is_iso_media(*format.container)) {
      // use_metadata_tags: without it MP4 drops every key that is not one of iTunes' own.
      options.set("movflags", "+faststart+use_metadata_tags+write_colr");
      // The whole film in the unit of its frames: with libav's 1 ms the film's duration would be rounded.
      const std::string scale = std::to_string(time_scale(format.fps));
      options.set("video_track_timescale", scale);
      options.set("movie_timescale", scale);
    }
    check_write(avformat_write_header(output_.get(), options.get()));
    options.expect_all_taken(format.container->muxer);
  }

  void write(AVPacket& packet) {
    packet.stream_index = 0;
    if (packet.duration == 0) packet.duration = 1;
    // Sound first: the muxer holds back whichever stream is ahead, in memory.
    if (audio_)
      audio_->write_until(av_rescale_q(packet.dts, encoder_.context().time_base, AV_TIME_BASE_Q),
                          [this](AVPacket& sound) { interleave(sound); });
    av_packet_rescale_ts(&packet, encoder_.context().time_base, output_->streams[0]->time_base);
    interleave(packet);
  }

  void interleave(AVPacket& packet) { check_write(av_interleaved_write_frame(output_.get(), &packet)); }

  void check_write(int result) {
    if (is_stdout_ && result == AVERROR(EPIPE))
      fail(ErrorKind::resource, "cannot write to standard output: the program that reads it has ended");
    const bool is_resource = result == AVERROR(EIO) || is_resource_error(result);
    // Our own packets are in order. What a muxer or its filters refuse is sound: times that run backwards, no header.
    if (audio_ && !is_resource)
      av_check(result, "copy the sound of", fmt::format("{} into {}", audio_from_, name_), ErrorKind::input);
    av_check(result, "write", name_, is_resource ? ErrorKind::resource : ErrorKind::internal);
  }

  bool is_stdout_;
  std::string name_, audio_from_;
  OutputPtr output_;
  Encoder encoder_;
  std::unique_ptr<AudioCopy> audio_;
  bool has_trailer_ = false;
};

}  // namespace

std::unique_ptr<FrameSink> open_film_writer(const FilmFormat& format, const std::filesystem::path& path) {
  return std::make_unique<FilmWriter>(format, path);
}

void probe_encoder(const FilmFormat& format) {
  const bool has_container = !format.is_image_sequence();
  Encoder(format, has_container && needs_global_header(*open_container(*format.container, "")));
}

}  // namespace soragen::media
