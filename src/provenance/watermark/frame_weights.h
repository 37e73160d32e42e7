// How much each frame tells, once the search has said where the pilot lies.
//
// Note: [Frames are not equal]
// A codec keeps the pattern in the frames it codes on their own; in those it predicts, moving content drags the pattern
// along and away. At H.264 CRF 40 one frame of the first kind can tell more than the average of all. So the bits are
// read from a sum in which each frame counts by how clearly it shows the pilot.
#pragma once

#include <cstdint>
#include <vector>

#include "provenance/watermark/spectrum.h"

namespace soragen::provenance::watermark {

// A whitened picture in 8 bits: what a detector keeps of a frame.
struct SmallPicture {
  int width = 0, height = 0;
  std::vector<int8_t> values;
};

SmallPicture shrink(const Plane& whitened);

// The pictures' sum, each weighted by the cube of its pilot score at the placement; scores below 0 count as 0. (The
// score itself would be best if the frames' errors had nothing in common.)
Plane weighted_sum(const std::vector<SmallPicture>& pictures, const Spectrum& average, const Placement& placement,
                   const std::vector<Carrier>& pilot);

}  // namespace soragen::provenance::watermark
