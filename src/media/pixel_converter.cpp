#include "media/pixel_converter.h"

#include <cstring>
#include <new>

#include "core/fail.h"
#include "media/palette.h"

namespace soragen::media {
namespace {

constexpr int kQuality = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP | SWS_FULL_CHR_H_INT;
constexpr int kUnity = 1 << 16;              // contrast and saturation in swscale's 16.16
constexpr int kCentred = 128, kCosited = 0;  // chroma position in 1/256 of a luma pixel

struct Side {
  int width = 0, height = 0;
  AVPixelFormat format = AV_PIX_FMT_NONE;
  int matrix = SWS_CS_ITU709;
  bool is_full_range = true;
  bool is_left_sited = false;
};

SwsPtr make_sws(const Side& from, const Side& to) {
  SwsPtr sws(sws_alloc_context());
  if (!sws) throw std::bad_alloc();
  const auto set = [&](const char* name, int64_t value) {
    SORAGEN_ASSERT(av_opt_set_int(sws.get(), name, value, 0) >= 0);
  };
  set("sws_flags", kQuality);
  set("srcw", from.width), set("srch", from.height), set("src_format", from.format);
  set("dstw", to.width), set("dsth", to.height), set("dst_format", to.format);
  if (from.is_left_sited) set("src_h_chr_pos", kCosited), set("src_v_chr_pos", kCentred);
  if (to.is_left_sited) set("dst_h_chr_pos", kCosited), set("dst_v_chr_pos", kCentred);
  av_check(sws_init_context(sws.get(), nullptr, nullptr), "convert",
           fmt::format("{} to {}", av_get_pix_fmt_name(from.format), av_get_pix_fmt_name(to.format)),
           ErrorKind::unsupported);
  // Refused with a negative result where neither side is YUV, and then not needed.
  sws_setColorspaceDetails(sws.get(), sws_getCoefficients(from.matrix), from.is_full_range,
                           sws_getCoefficients(to.matrix), to.is_full_range, 0, kUnity, kUnity);
  return sws;
}

void scale(SwsContext& sws, const AVFrame& from, AVFrame& to) {
  av_check(sws_scale(&sws, from.data, from.linesize, 0, from.height, to.data, to.linesize), "convert", "a picture",
           ErrorKind::internal);
}

bool is_rgb(AVPixelFormat format) {
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  return description != nullptr && (description->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
}

// Formats from before ranges were tagged: yuvj420p and its like are full range by name.
bool is_full_range_by_name(AVPixelFormat format) {
  return std::string_view(av_get_pix_fmt_name(format)).starts_with("yuvj");
}

void copy_indexed(const IndexedImage& image, AVFrame& picture) {
  av_image_copy_plane(picture.data[0], picture.linesize[0], image.index.data(), picture.width, picture.width,
                      picture.height);
  std::memcpy(picture.data[1], image.palette.data(), sizeof image.palette);
}

}  // namespace

PictureConverter::PictureConverter(AVPixelFormat format, int width, int height) : format_(format) {
  if (format == AV_PIX_FMT_PAL8) return;
  const bool is_yuv = !is_rgb(format);
  sws_ = make_sws({width, height, AV_PIX_FMT_RGB24}, {width, height, format, SWS_CS_ITU709, !is_yuv, is_yuv});
  rgb_ = make_picture(AV_PIX_FMT_RGB24, width, height);
}

void PictureConverter::convert(const Frame& frame, AVFrame& picture) {
  if (format_ == AV_PIX_FMT_PAL8) return copy_indexed(quantize(frame), picture);
  const int size = 3 * frame.width;
  av_image_copy_plane(rgb_->data[0], rgb_->linesize[0], frame.rgb.data(), size, size, frame.height);
  scale(*sws_, *rgb_, picture);
}

void FrameConverter::prepare(const AVFrame& picture) {
  const auto format = static_cast<AVPixelFormat>(picture.format);
  const bool is_hd = picture.width >= 1280 || picture.height >= 720;
  Source source{picture.width,
                picture.height,
                picture.format,
                number_of(picture.colorspace),
                number_of(picture.color_range),
                number_of(picture.chroma_location)};
  if (source.matrix == AVCOL_SPC_UNSPECIFIED)
    source.matrix = is_hd || assume_bt709_ ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
  if (sws_ && source == source_) return;
  if (!sws_isSupportedInput(format))
    fail(ErrorKind::unsupported, "cannot convert pixel format {} to RGB",
         format == AV_PIX_FMT_NONE ? "none" : av_get_pix_fmt_name(format));
  const bool is_full = is_rgb(format) || source.range == AVCOL_RANGE_JPEG || is_full_range_by_name(format);
  const bool is_left = source.location == AVCHROMA_LOC_LEFT || source.location == AVCHROMA_LOC_UNSPECIFIED;
  // swscale numbers its matrices as the AVColorSpace values that it knows.
  sws_ = make_sws({picture.width, picture.height, format, source.matrix, is_full, is_left},
                  {picture.width, picture.height, AV_PIX_FMT_RGB24});
  rgb_ = make_picture(AV_PIX_FMT_RGB24, picture.width, picture.height);
  source_ = source;
}

void FrameConverter::convert(const AVFrame& picture, Frame& frame) {
  prepare(picture);
  frame.width = picture.width;
  frame.height = picture.height;
  frame.rgb.resize(size_t{3} * picture.width * picture.height);
  scale(*sws_, picture, *rgb_);
  const int size = 3 * picture.width;
  av_image_copy_plane(frame.rgb.data(), size, rgb_->data[0], rgb_->linesize[0], size, picture.height);
}

}  // namespace soragen::media
