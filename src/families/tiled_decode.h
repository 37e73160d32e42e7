// Decoding in overlapping tiles, for films whose frames do not fit into memory as a whole.
//
// Tiles lie and blend as in the reference's tiled decode (AutoencoderKLWan.tiled_decode). A tile is decoded
// through the whole film before the next, so that only one tile's convolution memory is alive; decoded
// tiles wait in a scratch file, and memory does not grow with the number of frames.
#pragma once

#include "families/frame_decoder.h"

namespace soragen::families {

struct Tiling {
  int64_t spatial = 8;  // pixels per latent cell
  int64_t step = 1;     // pixels that share one blending weight (a decoder that unfolds patches blends before)
};

using ValuesFn = std::function<void(const at::Tensor& values)>;  // [T, H, W, 3] in [-1, 1], not clamped

// decode_tile decodes a latent [C, T, h, w] and hands out its frames in order, any number at a time.
// `values` gets whole frames one by one. frames: of the film.
void tiled_decode(const at::Tensor& latent, int64_t frames, const DecodeOptions& options, const Tiling& tiling,
                  const std::function<void(const at::Tensor& latent, const ValuesFn&)>& decode_tile,
                  const ValuesFn& values);

}  // namespace soragen::families
