// Frames into numbered images, a file each, in a folder that exists and belongs to the caller, who also removes
// what an abort leaves (src/publishing gives a part folder). A full disk is Error{resource} at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "media/film_format.h"
#include "soragen/frame.h"

namespace soragen::media {

struct NumberedName {
  std::string prefix, suffix;
  int digits = 1;  // at least; filled with zeros

  std::string at(int64_t number) const;
  bool matches(const std::string& name) const;  // could be at(some number)
};

// "shot_%04d.png" or "%d.png". Throws Error{usage} unless exactly one such directive is there and no other '%'.
NumberedName parse_numbered_name(const std::string& name);

// Numbers count from 1, as ffmpeg's do. Throws Error{unsupported} if the encoder cannot be opened.
std::unique_ptr<FrameSink> open_image_writer(const FilmFormat& format, const std::filesystem::path& folder,
                                             const NumberedName& name);

}  // namespace soragen::media
