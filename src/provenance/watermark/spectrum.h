// The spectrum of a whitened picture at any frequency, and the correlation of the pilot at any geometry.
//
// Note: [Folding is sampling]
// Cutting a picture into tiles of a periodic pattern, laying them on each other and transforming the sum is the same
// as sampling the picture's own spectrum at the frequencies of the tile (Poisson). So one transform of the picture
// serves every size and rotation that the search tries: a hypothesis costs a few thousand reads instead of a
// resampling of the picture.
#pragma once

#include <array>
#include <complex>
#include <vector>

#include "provenance/watermark/pattern.h"
#include "provenance/watermark/whitened_picture.h"

namespace soragen::provenance::watermark {

// How the tile lies in the working picture: u = D * R(angle) * x with x in tiles from the picture's centre, plus shift.
// D: mirrored first (x -> -x) where symmetry & 1, then symmetry >> 1 quarter turns.
struct Placement {
  double period_x = 0, period_y = 0;  // pixels of the working picture
  double angle = 0;                   // radians
  int symmetry = 0;                   // 0..7
  double shift_u = 0, shift_v = 0;    // tiles
};

// The frequency, in cycles a working pixel, at which a carrier is found.
struct Frequency {
  double x = 0, y = 0;
};
Frequency frequency_of(int kx, int ky, const Placement& placement);

class Spectrum {
 public:
  explicit Spectrum(const Plane& picture);

  // At x, y cycles a pixel, phases from the picture's centre, divided by the local mean amplitude and limited.
  // 0 beyond half a cycle a pixel.
  std::complex<float> sample(double x, double y) const;

  // The mean amplitude around this frequency, by which sample() has divided.
  float level(double x, double y) const;

  int longest_side() const { return longest_side_; }

 private:
  int longest_side_, columns_, rows_;        // of the transform
  std::vector<std::complex<float>> values_;  // [columns_ / 2 + 1, rows_], zero frequency at (0, rows_ / 2)
  std::vector<float> levels_;                // of the same shape
};

// The samples of the spectrum at all frequencies of a tile, for all eight symmetries at once.
class TileSpectrum {
 public:
  TileSpectrum(const Spectrum& spectrum, const Placement& placement);  // symmetry and shift are not used
  std::complex<float> at(int kx, int ky, int symmetry) const;

 private:
  static constexpr int kSide = 2 * kHighestIndex + 1;
  std::vector<std::complex<float>> values_;  // [kSide, kSide], (ky, kx) from -kHighestIndex
};

}  // namespace soragen::provenance::watermark
