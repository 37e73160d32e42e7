// The one door: the only way a frame becomes a file.
//
//   AsyncSink ─► Publication: encode ─► (finish) file whole under its part name ─► renamed
//
// An abort, an error or a full disk leaves no trace and what was there before untouched. Standard output ("-") has
// no name to protect: what is written is gone.
#pragma once

#include <memory>

#include "media/film_format.h"
#include "soragen/frame.h"

namespace soragen::publishing {

using OutputSettings = media::FormatRequest;

// Everything that can be known before a frame exists: name, codec, size, rate, folder, encoder. Writes nothing.
// Throws Error{usage, input, unsupported, resource} saying what would be valid.
void validate_output(const OutputSettings& settings);

// Frames are encoded in a thread of the sink's own; its errors are thrown by the next push() or by finish().
std::unique_ptr<FrameSink> open_output(const OutputSettings& settings);

}  // namespace soragen::publishing
