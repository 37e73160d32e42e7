#include "provenance/watermark/frame_weights.h"

#include <algorithm>
#include <cmath>

#include "provenance/watermark/fft.h"

namespace soragen::provenance::watermark {
namespace {

constexpr int kCellBits = 7, kCells = 1 << kCellBits;  // a side of the tile: 4.6 cells to the finest wave
constexpr float kSteps = 60;  // of 8 bits to a deviation; whitened pictures stay within 2 deviations

// Tile coordinates as 32-bit fractions, which wrap as a tile does.
uint32_t fraction(double tiles) {
  return static_cast<uint32_t>(std::llround((tiles - std::floor(tiles)) * 4294967296.0));
}

// u = u_x x + u_y y in tiles, from the picture's centre; v alike. The inverse of frequency_of()'s map.
struct Affine {
  double u_x, u_y, v_x, v_y;
};

Affine affine_of(const Placement& p) {
  const Frequency u = frequency_of(1, 0, p), v = frequency_of(0, 1, p);  // gradients of the phase k.u
  return {u.x, u.y, v.x, v.y};
}

// The picture cut into tiles, all laid on each other. [kCells, kCells]
void fold(const SmallPicture& picture, const Placement& placement, std::vector<float>& cells) {
  const Affine map = affine_of(placement);
  const uint32_t du = fraction(map.u_x), dv = fraction(map.v_x);
  constexpr int kDrop = 32 - kCellBits;
  std::fill(cells.begin(), cells.end(), 0.f);
  for (int y = 0; y < picture.height; ++y) {
    const double left = -(picture.width / 2), top = y - picture.height / 2;
    uint32_t u = fraction(map.u_x * left + map.u_y * top + placement.shift_u + 0.5 / kCells);
    uint32_t v = fraction(map.v_x * left + map.v_y * top + placement.shift_v + 0.5 / kCells);
    const int8_t* row = &picture.values[size_t(y) * picture.width];
    for (int x = 0; x < picture.width; ++x, u += du, v += dv)
      cells[(v >> kDrop) << kCellBits | u >> kDrop] += static_cast<float>(row[x]);
  }
}

}  // namespace

SmallPicture shrink(const Plane& whitened) {
  SmallPicture picture{whitened.width, whitened.height, std::vector<int8_t>(whitened.values.size())};
  for (size_t i = 0; i < picture.values.size(); ++i)
    picture.values[i] = static_cast<int8_t>(std::clamp(whitened.values[i] * kSteps, -127.f, 127.f));
  return picture;
}

Plane weighted_sum(const std::vector<SmallPicture>& pictures, const Spectrum& average, const Placement& placement,
                   const std::vector<Carrier>& pilot) {
  std::vector<float> levels;
  for (const Carrier& carrier : pilot) {
    const Frequency frequency = frequency_of(carrier.kx, carrier.ky, placement);
    levels.push_back(average.level(frequency.x, frequency.y));
  }
  Plane sum{pictures[0].width, pictures[0].height, std::vector<float>(pictures[0].values.size())};
  Fft fft(kCells, kCells);
  ComplexGrid grid(kCells, kCells);
  for (const SmallPicture& picture : pictures) {
    fold(picture, placement, grid.real);
    std::fill(grid.imaginary.begin(), grid.imaginary.end(), 0.f);
    fft.forward_transposed(grid);
    double signal = 0, power = 0;
    for (size_t i = 0; i < pilot.size(); ++i) {
      if (levels[i] <= 0) continue;
      const size_t place = grid.at((pilot[i].kx + kCells) % kCells, (pilot[i].ky + kCells) % kCells);
      const std::complex<float> value = std::complex(grid.real[place], grid.imaginary[place]) *
                                        std::polar(pilot[i].amplitude / levels[i], -pilot[i].phase);
      signal += value.real();
      power += std::norm(value) / 2;
    }
    const double score = power > 0 ? std::max(signal / std::sqrt(power), 0.0) : 0;
    const auto weight = static_cast<float>(score * score * score / kSteps);
    for (size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += weight * static_cast<float>(picture.values[i]);
  }
  return sum;
}

}  // namespace soragen::provenance::watermark
