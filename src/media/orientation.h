// How a film's stored pictures are turned and mirrored to stand upright: phones store what the sensor saw and say in
// the file how it was held.
#pragma once

#include <cstdint>
#include <optional>

#include "soragen/frame.h"

namespace soragen::media {

// Pixel (x, y) of the stored picture, counted from its middle with y downwards, belongs at (a x + c y, b x + d y).
// One of a and c is 0, the other 1 or -1; likewise b and d.
struct Orientation {
  int a = 1, b = 0, c = 0, d = 1;
  bool operator==(const Orientation&) const = default;
  bool is_upright() const { return *this == Orientation{}; }
  bool swaps_sides() const { return a == 0; }
};

// From a display matrix (3x3, 16.16 fixed point) as MP4 holds it; nothing if it does more than turn by quarters and
// mirror.
std::optional<Orientation> orientation_of(const int32_t* matrix);

// The stored picture upright. `upright` is another frame; its memory is reused.
void turn_upright(const Frame& stored, const Orientation& orientation, Frame& upright);

}  // namespace soragen::media
