// One frame in at most 256 colours, for GIF. The palette is the frame's own: variance-based median cut over
// its colours, then Floyd-Steinberg error diffusion. A palette per frame needs no second pass over the
// film, so memory does not grow with its length, and a change of scene costs no quality.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "soragen/frame.h"

namespace soragen::media {

struct IndexedImage {
  std::array<uint32_t, 256> palette{};  // 0xFFRRGGBB, opaque also where unused
  std::vector<uint8_t> index;           // width * height
};

IndexedImage quantize(const Frame& frame);

}  // namespace soragen::media
