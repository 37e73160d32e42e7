// Frames that look enough like pictures: spectra that fall with frequency, flat parts, motion.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "soragen/frame.h"

namespace soragen::provenance::watermark::test {

// Value noise in octaves: smooth random fields of ever finer grain and ever smaller strength.
class Scenery {
 public:
  // falloff: how much weaker each octave is than the one before.
  explicit Scenery(unsigned seed, double falloff = 1.9) : falloff_(falloff), lattice_(kSide * kSide) {
    std::mt19937 random(seed);
    for (float& value : lattice_) value = static_cast<float>(random()) / 4294967296.f - 0.5f;
  }

  // The left third is a smooth sky when `sky`. (dx, dy): how far the camera has moved, in pixels.
  Frame frame(int width, int height, double dx, double dy, bool sky = false) const {
    Frame frame{width, height, std::vector<uint8_t>(size_t(3) * width * height)};
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        double value = 110 + 20.0 * y / height;
        for (int octave = 0; octave < 6 && !(sky && x < width / 3); ++octave)
          value += 90 / std::pow(falloff_, octave) *
                   at((x + dx) * (1 << octave) / 64, (y + dy) * (1 << octave) / 64, octave);
        for (int c = 0; c < 3; ++c)
          frame.rgb[3 * (size_t(y) * width + x) + c] =
              static_cast<uint8_t>(std::lround(std::min(std::max(value + 12 * (c - 1), 0.0), 255.0)));
      }
    return frame;
  }

 private:
  static constexpr int kSide = 64;
  double at(double x, double y, int octave) const {
    const double left = std::floor(x), top = std::floor(y), u = x - left, v = y - top;
    const auto value = [&](int dx, int dy) {
      const auto column = static_cast<int64_t>(left) + dx + 17 * octave,
                 row = static_cast<int64_t>(top) + dy + 29 * octave;
      return lattice_[size_t((row % kSide + kSide) % kSide * kSide + (column % kSide + kSide) % kSide)];
    };
    return (value(0, 0) * (1 - u) + value(1, 0) * u) * (1 - v) + (value(0, 1) * (1 - u) + value(1, 1) * u) * v;
  }

  double falloff_;
  std::vector<float> lattice_;
};

inline double luma(const Frame& frame, int x, int y) {
  const uint8_t* pixel = &frame.rgb[3 * (size_t(y) * frame.width + x)];
  return 0.2126 * pixel[0] + 0.7152 * pixel[1] + 0.0722 * pixel[2];
}

inline double psnr(const Frame& a, const Frame& b) {
  double squares = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) squares += std::pow(double(a.rgb[i]) - b.rgb[i], 2);
  return 10 * std::log10(255.0 * 255 * static_cast<double>(a.rgb.size()) / squares);
}

// Mean structural similarity of luma over windows of 8x8 pixels, every 4 (Wang et al. 2004, with K1 = .01, K2 = .03).
inline double ssim(const Frame& a, const Frame& b) {
  constexpr double kC1 = 6.5025, kC2 = 58.5225;
  double total = 0;
  int windows = 0;
  for (int top = 0; top + 8 <= a.height; top += 4)
    for (int left = 0; left + 8 <= a.width; left += 4, ++windows) {
      double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
      for (int y = top; y < top + 8; ++y)
        for (int x = left; x < left + 8; ++x) {
          const double va = luma(a, x, y), vb = luma(b, x, y);
          sa += va, sb += vb, saa += va * va, sbb += vb * vb, sab += va * vb;
        }
      const double ma = sa / 64, mb = sb / 64, va = saa / 64 - ma * ma, vb = sbb / 64 - mb * mb, c = sab / 64 - ma * mb;
      total += (2 * ma * mb + kC1) * (2 * c + kC2) / ((ma * ma + mb * mb + kC1) * (va + vb + kC2));
    }
  return total / windows;
}

}  // namespace soragen::provenance::watermark::test
