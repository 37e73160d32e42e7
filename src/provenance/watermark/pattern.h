// The pattern that is added to every frame: a periodic tile, made of plane waves that fit the tile a whole number of
// times. A quarter of the waves is the pilot, always the same, by which the detector finds position, size and
// orientation; the others carry one raw bit each, by their sign. Which wave does what, and its phase, come from the
// key.
//
//   tile(u) = sum over carriers of sign * amplitude * cos(2 pi (kx u + ky v) + phase),   u, v in tiles
//
// Waves never share a frequency, so that bits do not disturb each other. Every bit has its share of every ring of
// the spectrum: whatever a codec takes away, it takes from all bits alike.
#pragma once

#include <vector>

#include "provenance/watermark/key.h"
#include "provenance/watermark/message.h"

namespace soragen::provenance::watermark {

constexpr int kPilot = -1;
constexpr int kHighestIndex = 28;  // waves a tile, of the finest carriers: |k| <= kHighestIndex

struct Carrier {
  int kx = 0, ky = 0;   // one of each pair (k, -k)
  int bit = kPilot;     // or the index of the raw bit
  float phase = 0;      // radians
  float amplitude = 0;  // of the tile of unit variance
};

std::vector<Carrier> make_carriers(Form form, const Key& key);
std::vector<Carrier> pilot_of(std::vector<Carrier> carriers);

// [size, size], one tile of unit variance. size: a power of two above 2 * kHighestIndex.
std::vector<float> render_tile(const std::vector<Carrier>& carriers, const std::vector<uint8_t>& raw_bits, int size);

// How large a film's tile is, in pixels of its frames, by the short side: one for ordinary films, a relatively
// larger one for small films, whose finest details a codec does not keep.
double tile_period(int width, int height);

// The small form for films that have too few pixels or too few frames to carry the standard one.
// frames: 0 for not known.
Form choose_form(int width, int height, int frames);

// Tile periods over short sides that tile_period() gives: where a detector looks first.
std::vector<double> relative_periods();

}  // namespace soragen::provenance::watermark
