// The one door: the only way a frame becomes a file.
//
//   AsyncSink ─► Publication: mark ─► encode ─► (finish) file whole under its part name ─► sign ─► read back ─► renamed
//
// An abort, an error, a full disk or a signature that fails leaves no trace and what was there before untouched.
// Standard output ("-") has no name to protect: what is written is gone; and nothing to sign, so that the watermark in
// its frames is all it carries.
#pragma once

#include <memory>

#include "media/film_format.h"
#include "provenance/marks.h"
#include "soragen/frame.h"

namespace soragen::publishing {

using OutputSettings = media::FormatRequest;

// Everything that can be known before a frame exists: name, codec, size, rate, folder, encoder. Writes nothing.
// Throws Error{usage, input, unsupported, resource} saying what would be valid.
void validate_output(const OutputSettings& settings, const provenance::Marks& marks);

// Frames are encoded in a thread of the sink's own; its errors are thrown by the next push() or by finish().
// No marks is a thing to be said, not to be forgotten: there is no default.
std::unique_ptr<FrameSink> open_output(const OutputSettings& settings, const provenance::Marks& marks);

}  // namespace soragen::publishing
