// The ways to decode a film, from the fastest to the one that needs least memory, and what is done when it runs out.
#pragma once

#include <string>
#include <vector>

#include "families/frame_decoder.h"

namespace soragen::pipeline {

struct DecodeRung {
  families::DecodeOptions options;
  std::string note;            // "tiles of 256x256, frame by frame"; "" for the plain ways
  bool only_if_small = false;  // several latent frames at once pay only while they need little memory
};
// Tiles only where they are smaller than the frame.
std::vector<DecodeRung> decode_ladder(int64_t width, int64_t height);

// Decodes; when the processor's or the card's memory runs out, again from the start with the next rung below `options`
// and a line in the log, until none is left. Frames that were already handed out are not handed out again: a film then
// goes on from its first whole frame in smaller tiles. Memory that runs out in `frames` is the caller's to report.
void decode_within_memory(families::FrameDecoder& decoder, const at::Tensor& latent,
                          const families::DecodeOptions& options, const std::vector<DecodeRung>& ladder,
                          const families::FramesFn& frames);

}  // namespace soragen::pipeline
