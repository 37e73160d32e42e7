#include "media/encoder.h"

#include "core/fail.h"

namespace soragen::media {
namespace {

constexpr int kThreads = 4;  // fixed: x264's and x265's choices, and so the bytes, depend on it

void set_colour(AVCodecContext& context, bool is_subsampled) {
  context.color_primaries = AVCOL_PRI_BT709;
  context.color_range = is_subsampled ? AVCOL_RANGE_MPEG : AVCOL_RANGE_JPEG;
  context.colorspace = is_subsampled ? AVCOL_SPC_BT709 : AVCOL_SPC_RGB;
  context.color_trc = is_subsampled ? AVCOL_TRC_BT709 : AVCOL_TRC_IEC61966_2_1;
  if (is_subsampled) context.chroma_sample_location = AVCHROMA_LOC_LEFT;
}

CodecContextPtr open_context(const FilmFormat& format, bool needs_global_header) {
  use_our_log();
  const Codec& row = *format.codec;
  const AVCodec* encoder = avcodec_find_encoder_by_name(std::string(row.encoder).c_str());
  if (encoder == nullptr)
    fail(ErrorKind::unsupported, "cannot encode {}: the installed libavcodec was built without {}", row.name,
         row.encoder);
  CodecContextPtr context(avcodec_alloc_context3(encoder));
  if (!context) throw std::bad_alloc();
  context->width = format.width;
  context->height = format.height;
  context->pix_fmt = av_get_pix_fmt(std::string(row.pixel_format).c_str());
  context->sample_aspect_ratio = to_av(format.pixel_aspect);
  context->time_base = av_inv_q(to_av(format.fps));
  context->framerate = to_av(format.fps);
  context->thread_count = kThreads;
  context->flags |= AV_CODEC_FLAG_BITEXACT | (needs_global_header ? AV_CODEC_FLAG_GLOBAL_HEADER : 0);
  set_colour(*context, row.is_subsampled());

  AvOptions options;
  for (const auto& [key, value] : row.options) options.set(key, value);
  if (format.crf) options.set("crf", std::to_string(*format.crf));
  const std::string subject = fmt::format("{} encoder {} for {}x{} at {} fps", row.name, row.encoder, format.width,
                                          format.height, to_string(format.fps));
  av_check(avcodec_open2(context.get(), encoder, options.get()), "open the", subject, ErrorKind::unsupported);
  options.expect_all_taken(row.encoder);
  return context;
}

FramePtr make_tagged_picture(const AVCodecContext& context) {
  FramePtr picture = make_picture(context.pix_fmt, context.width, context.height);
  picture->color_range = context.color_range;
  picture->colorspace = context.colorspace;
  picture->color_primaries = context.color_primaries;
  picture->color_trc = context.color_trc;
  picture->chroma_location = context.chroma_sample_location;
  picture->sample_aspect_ratio = context.sample_aspect_ratio;
  return picture;
}

}  // namespace

Encoder::Encoder(const FilmFormat& format, bool needs_global_header)
    : codec_(*format.codec),
      context_(open_context(format, needs_global_header)),
      converter_(context_->pix_fmt, format.width, format.height),
      picture_(make_tagged_picture(*context_)),
      packet_(make_packet()) {}

Encoder::~Encoder() {
  if (!codec_.needs_end || is_flushed_) return;
  const auto drop = [](AVPacket&) {};
  try {
    picture_->pts = next_pts_++;
    send(picture_.get(), drop);
    flush(drop);
  } catch (const Error&) {
    // Nobody waits for these packets.
  }
}

void Encoder::push(const Frame& frame, const PacketFn& on_packet) {
  if (frame.width != context_->width || frame.height != context_->height)
    fail(ErrorKind::input, "frame {} is {}x{}, but the film is {}x{}", next_pts_, frame.width, frame.height,
         context_->width, context_->height);
  SORAGEN_ASSERT(frame.rgb.size() == size_t{3} * frame.width * frame.height);
  av_check(av_frame_make_writable(picture_.get()), "allocate", "a picture",
           ErrorKind::resource);  // the encoder may still hold the last
  converter_.convert(frame, *picture_);
  picture_->pts = next_pts_++;
  send(picture_.get(), on_packet);
}

void Encoder::flush(const PacketFn& on_packet) {
  SORAGEN_ASSERT(next_pts_ > 0);
  is_flushed_ = true;
  send(nullptr, on_packet);
}

void Encoder::send(const AVFrame* picture, const PacketFn& on_packet) {
  const std::string subject = fmt::format("frame {} as {}", next_pts_ - 1, codec_.name);
  av_check(avcodec_send_frame(context_.get(), picture), "encode", subject, ErrorKind::internal);
  while (true) {
    const int result = avcodec_receive_packet(context_.get(), packet_.get());
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
    av_check(result, "encode", subject, ErrorKind::internal);
    on_packet(*packet_);
    av_packet_unref(packet_.get());
  }
}

}  // namespace soragen::media
