// Frames into one file or onto standard output. The file is written where it is asked for (src/publishing asks for
// a part name): finish() completes it, abort() and destruction close it and leave the remains to the path's owner.
// A full disk or a closed pipe is Error{resource}, at the push or finish that meets it.
#pragma once

#include <filesystem>
#include <memory>

#include "media/film_format.h"
#include "soragen/frame.h"

namespace soragen::media {

// Standard output where the format's container is "-", and then path is not used. Throws Error{unsupported} if the
// encoder cannot be opened or the sound not be held, Error{input} if the file cannot.
std::unique_ptr<FrameSink> open_film_writer(const FilmFormat& format, const std::filesystem::path& path);

// Opens the encoder and closes it again: what only the encoder knows, before an hour of work.
void probe_encoder(const FilmFormat& format);

// Throws Error{unsupported} naming the containers that can, if the format's cannot hold the sound of its audio_from.
void check_audio(const FilmFormat& format);

}  // namespace soragen::media
