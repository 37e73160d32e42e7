#include "provenance/watermark/spectrum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

#include "provenance/watermark/fft.h"

namespace soragen::provenance::watermark {
namespace {

// Cycles a pixel over which amplitudes are averaged: wider than the distance of two carriers, so that they do not
// level themselves out, narrower than the features of a picture's spectrum.
constexpr double kNeighbourhood = 0.012;
constexpr float kLimit = 2;  // times the local mean: what is larger is a line of the picture's own, such as a fence

// Twice the size, so that reading between two frequencies on a straight line is exact to a few per cent.
int transform_size(int pixels) {
  return std::max(64, 2 * static_cast<int>(std::bit_ceil(static_cast<unsigned>(pixels))));
}

// What linear interpolation between frequencies does to the pixel at this place, undone beforehand.
float compensation(double place, int size) {
  const double x = std::numbers::pi * place / size;
  const double sinc = x == 0 ? 1 : std::sin(x) / x;
  return static_cast<float>(1 / (sinc * sinc));
}

ComplexGrid transform(const Plane& picture, int columns, int rows) {
  ComplexGrid grid(rows, columns);
  const int centre_x = picture.width / 2, centre_y = picture.height / 2;
  for (int y = 0; y < picture.height; ++y) {
    const float weight = compensation(y - centre_y, rows);
    float* line = &grid.real[grid.at((y - centre_y + rows) % rows, 0)];
    for (int x = 0; x < picture.width; ++x)
      line[(x - centre_x + columns) % columns] =
          weight * compensation(x - centre_x, columns) * picture.values[size_t(y) * picture.width + x];
  }
  Fft(rows, columns).forward_transposed(grid);
  return grid;
}

}  // namespace

Spectrum::Spectrum(const Plane& picture)
    : longest_side_(std::max(picture.width, picture.height)),
      columns_(transform_size(picture.width)),
      rows_(transform_size(picture.height)) {
  const ComplexGrid grid = transform(picture, columns_, rows_);
  Plane power{rows_, columns_ / 2 + 1, {}};
  power.values.resize(size_t(power.width) * power.height);
  values_.resize(power.values.size());
  for (int x = 0; x < power.height; ++x)
    for (int y = 0; y < rows_; ++y) {
      const size_t from = grid.at(x, y), to = size_t(x) * rows_ + (y + rows_ / 2) % rows_;
      values_[to] = {grid.real[from], grid.imaginary[from]};
      power.values[to] = std::norm(values_[to]);
    }
  const Plane mean = box_mean(power, static_cast<int>(std::ceil(kNeighbourhood * rows_)),
                              static_cast<int>(std::ceil(kNeighbourhood * columns_)));
  levels_.resize(values_.size());
  for (size_t i = 0; i < values_.size(); ++i) {
    levels_[i] = std::sqrt(std::max(mean.values[i], 0.f));
    values_[i] = levels_[i] > 0 ? values_[i] / levels_[i] : 0;
    const float size = std::abs(values_[i]);
    if (size > kLimit) values_[i] *= kLimit / size;
  }
}

float Spectrum::level(double x, double y) const {
  const int column = static_cast<int>(std::abs(x) * columns_),
            row = static_cast<int>((x < 0 ? -y : y) * rows_) + rows_ / 2;
  return column <= columns_ / 2 && row >= 0 && row < rows_ ? levels_[size_t(column) * rows_ + row] : 0;
}

std::complex<float> Spectrum::sample(double x, double y) const {
  const bool mirrored = x < 0;  // a real picture: the other half is conjugate
  const double column = std::abs(x) * columns_, row = (mirrored ? -y : y) * rows_ + rows_ / 2;
  if (!(column < columns_ / 2 && row >= 0 && row < rows_ - 1)) return 0;
  const int left = static_cast<int>(column), top = static_cast<int>(row);
  const auto across = static_cast<float>(column - left), down = static_cast<float>(row - top);
  const std::complex<float>*a = &values_[size_t(left) * rows_ + top], *b = a + rows_;
  const std::complex<float> first = a[0] + down * (a[1] - a[0]), second = b[0] + down * (b[1] - b[0]);
  const std::complex<float> value = first + across * (second - first);
  return mirrored ? std::conj(value) : value;
}

Frequency frequency_of(int kx, int ky, const Placement& placement) {
  for (int turn = 0; turn < placement.symmetry >> 1; ++turn) kx = std::exchange(ky, -kx);
  if (placement.symmetry & 1) kx = -kx;
  const double c = std::cos(placement.angle), s = std::sin(placement.angle);
  const double a = kx / placement.period_x, b = ky / placement.period_y;
  return {c * a + s * b, c * b - s * a};
}

TileSpectrum::TileSpectrum(const Spectrum& spectrum, const Placement& placement) : values_(kSide * kSide) {
  Placement upright = placement;
  upright.symmetry = 0;
  const Frequency across = frequency_of(1, 0, upright), down = frequency_of(0, 1, upright);
  for (int ky = 0; ky <= kHighestIndex; ++ky)
    for (int kx = -kHighestIndex; kx <= kHighestIndex; ++kx) {
      if (kx * kx + ky * ky > kHighestIndex * kHighestIndex) continue;
      const std::complex<float> value = spectrum.sample(kx * across.x + ky * down.x, kx * across.y + ky * down.y);
      const int place = (ky + kHighestIndex) * kSide + kx + kHighestIndex;
      values_[place] = value;
      values_[kSide * kSide - 1 - place] = std::conj(value);
    }
}

std::complex<float> TileSpectrum::at(int kx, int ky, int symmetry) const {
  for (int turn = 0; turn < symmetry >> 1; ++turn) {  // the transposed of a quarter turn (x, y) -> (-y, x)
    const int old = kx;
    kx = ky;
    ky = -old;
  }
  if (symmetry & 1) kx = -kx;
  return values_[(ky + kHighestIndex) * kSide + kx + kHighestIndex];
}

}  // namespace soragen::provenance::watermark
