// Opens a film somebody made, for the reader of its frames and for the copy of its sound: within the same limits, and
// with the same clock, which starts where the first of the film's streams does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "media/av.h"

namespace soragen::media {

// The decoders that may be opened, by libav's names.
inline const std::string kVideoDecoders =
    "h264,hevc,libdav1d,libaom-av1,vp8,vp9,libvpx-vp9,ffv1,gif,png,apng,rawvideo,wrapped_avframe,mpeg4,mpeg2video,"
    "mjpeg,prores,dnxhd,utvideo";
// Of these libav needs a packet decoded to know what a stream of a transport stream is.
inline const std::string kAudioDecoders = "aac,aac_latm,mp3float,mp2float,ac3,eac3,dca";

// With its streams known, as far as the decoders can tell. Throws Error{input}.
InputPtr open_input(const std::filesystem::path& path, const std::string& decoders);

int64_t start_of(const AVFormatContext& input);  // microseconds on the file's own clock
bool is_image(const AVStream& stream);           // a cover, not a film

}  // namespace soragen::media
