#include "provenance/watermark/embedder.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/fail.h"
#include "kernels/element.h"

namespace soragen::provenance::watermark {
namespace {

constexpr int kTileSize = 512;       // 18 samples of the finest wave: bilinear sampling is exact to 0.5 %
constexpr float kPatternScale = 30;  // the tile is nearly Gaussian: 127 is 4.2 deviations
constexpr int kShift = 10;           // of strength * pattern, both integers
constexpr float kStrengthScale = (1 << kShift) / kPatternScale;
constexpr float kStrongest = 7;  // grey levels; keeps strength * pattern within 16 bits

constexpr double kRounding = 1.0 / 12;  // mean squared error of rounding the delta

// Note: [Strength]
// Over a small window, noise of variance n on content of variance v costs about n / (2 v + C2) of structural
// similarity: content hides noise. So the pattern is weak in skies and strong in leaves, as sqrt(1 + v / kHiding). One
// gain for the frame then keeps three limits, whichever is reached first: the mean squared error of the PSNR asked for,
// the mean loss of similarity, and the strength in flats, where eyes see what neither of the two numbers tells.

// Grey levels squared. C2 / 2 would cost the same similarity everywhere, and showed in skies.
constexpr float kHiding = 6;
constexpr float kCeiling = 5;  // times the strength in flats
constexpr float kC2 = 58.5f;   // (0.03 * 255)^2, of SSIM's definition
constexpr int kWindow = 8;     // pixels a side; what is the same all over it is no structure

struct Limits {
  double psnr;   // dB
  double loss;   // of similarity. Films lose about four fifths of what is predicted, smooth random fields all of it
  double flats;  // grey levels
};
constexpr Limits kStandardLimits = {42, 0.0172, 1};
constexpr Limits kSmallLimits = {40, 0.08, 2};  // small films hide less and need more

// The share of the tile's power that varies within such a window.
double structural_share(const std::vector<Carrier>& carriers, double period) {
  const auto mean = [period](int k) {  // of a wave over the window
    const double x = std::numbers::pi * k / period;
    return k == 0 ? 1 : std::sin(kWindow * x) / (kWindow * std::sin(x));
  };
  double share = 0;
  for (const Carrier& carrier : carriers) {
    const double kept = mean(carrier.kx) * mean(carrier.ky);
    share += carrier.amplitude * carrier.amplitude / 2 * (1 - kept * kept);
  }
  return share;
}

// pixels += strength * pattern, the strength between two rows of blocks: weight sixteenths of the lower.
SORAGEN_CPU_KERNEL void add_line(uint8_t* __restrict pixels, const int8_t* __restrict pattern,
                                 const int16_t* __restrict upper, const int16_t* __restrict lower, int weight,
                                 int lanes) {
  for (int i = 0; i < lanes; ++i) {
    const auto strength = static_cast<int16_t>((upper[i] * (16 - weight) + lower[i] * weight) >> 4);
    const auto delta = static_cast<int16_t>((strength * pattern[i] + (1 << (kShift - 1))) >> kShift);
    pixels[i] = static_cast<uint8_t>(std::clamp(pixels[i] + delta, 0, 255));
  }
}

}  // namespace

Embedder::Embedder(const Settings& settings, int width, int height, int frames)
    : width_(width), height_(height), form_(settings.form.value_or(choose_form(width, height, frames))) {
  if (width < 1 || height < 1) fail(ErrorKind::usage, "watermark: a film of {}x{} has no pixels", width, height);
  const Limits& limits = form_ == Form::standard ? kStandardLimits : kSmallLimits;
  const double psnr = settings.psnr.value_or(limits.psnr);
  // Above 52 dB the pattern would be weaker than the rounding to whole grey levels.
  if (!(psnr >= 30 && psnr <= 52)) fail(ErrorKind::usage, "watermark: PSNR {} dB; valid: 30 to 52", psnr);
  constexpr double kMargin = 0.02;  // dB: the pattern's variance differs a little from place to place
  target_error_ = 255 * 255 / std::pow(10, (psnr + kMargin) / 10);
  id_ = form_ == Form::standard ? settings.id : settings.id & 0xFFFF;

  const std::vector<Carrier> carriers = make_carriers(form_, settings.key);
  const std::vector<float> tile = render_tile(carriers, encode_message(form_, id_), kTileSize);
  const double period = tile_period(width, height);
  largest_loss_ = limits.loss;
  strongest_in_flats_ = limits.flats;
  structural_share_ = structural_share(carriers, period);
  pattern_.resize(size_t(3) * width * height);
  for (int y = 0; y < height; ++y) {
    const double v = y / period * kTileSize, v_floor = std::floor(v);
    const float v_rest = static_cast<float>(v - v_floor);
    const float* upper = &tile[size_t(static_cast<int64_t>(v_floor) % kTileSize) * kTileSize];
    const float* lower = &tile[size_t(static_cast<int64_t>(v_floor + 1) % kTileSize) * kTileSize];
    for (int x = 0; x < width; ++x) {
      const double u = x / period * kTileSize, u_floor = std::floor(u);
      const float u_rest = static_cast<float>(u - u_floor);
      const int left = static_cast<int64_t>(u_floor) % kTileSize, right = (left + 1) % kTileSize;
      const float above = upper[left] + u_rest * (upper[right] - upper[left]);
      const float below = lower[left] + u_rest * (lower[right] - lower[left]);
      const float value = kPatternScale * (above + v_rest * (below - above));
      const auto rounded = static_cast<int8_t>(std::clamp(std::lround(value), -127L, 127L));
      std::fill_n(&pattern_[3 * (size_t(y) * width + x)], 3, rounded);
    }
  }
  across_ = (width + kWindow - 1) / kWindow;
  down_ = (height + kWindow - 1) / kWindow;
  variance_.resize(size_t(across_) * down_);
  strength_.resize(variance_.size());
}

void Embedder::mark(Frame& frame) {
  if (frame.width != width_ || frame.height != height_ || frame.rgb.size() != pattern_.size())
    fail(ErrorKind::input, "watermark: a frame of {}x{} ({} bytes) in a film of {}x{}", frame.width, frame.height,
         frame.rgb.size(), width_, height_);
  measure_activity(frame);
  set_strength();
  add_pattern(frame);
}

// The variance of luma in every block, from every other pixel of every other row.
void Embedder::measure_activity(const Frame& frame) {
  for (int row = 0; row < down_; ++row) {
    const int top = row * kWindow, bottom = std::min(top + kWindow, height_);
    for (int column = 0; column < across_; ++column) {
      const int left = column * kWindow, right = std::min(left + kWindow, width_);
      int count = 0, sum = 0, squares = 0;
      for (int y = top; y < bottom; y += 2) {
        const uint8_t* pixel = &frame.rgb[3 * (size_t(y) * width_ + left)];
        for (int x = left; x < right; x += 2, pixel += 6) {
          const int luma = (pixel[0] + 2 * pixel[1] + pixel[2]) / 4;
          sum += luma;
          squares += luma * luma;
          ++count;
        }
      }
      const float mean = static_cast<float>(sum) / count;
      variance_[size_t(row) * across_ + column] = std::max(0.f, static_cast<float>(squares) / count - mean * mean);
    }
  }
}

// See Note: [Strength]. The harmonic mean over the neighbours keeps the pattern off the flat side of an edge.
void Embedder::set_strength() {
  std::vector<float> inverse(variance_.size());
  for (size_t i = 0; i < inverse.size(); ++i) inverse[i] = 1 / std::sqrt(1 + variance_[i] / kHiding);
  double power = 0, loss = 0, loss_of_rounding = 0;
  for (int row = 0; row < down_; ++row)
    for (int column = 0; column < across_; ++column) {
      float sum = 0;
      for (const int y : {std::max(row - 1, 0), row, std::min(row + 1, down_ - 1)})
        for (const int x : {std::max(column - 1, 0), column, std::min(column + 1, across_ - 1)})
          sum += inverse[size_t(y) * across_ + x];
      const size_t i = size_t(row) * across_ + column;
      strength_[i] = std::min(9 / sum, kCeiling);
      power += strength_[i] * strength_[i];
      loss += strength_[i] * strength_[i] / (kC2 + 2 * variance_[i]);
      loss_of_rounding += kRounding / (kC2 + 2 * variance_[i]);
    }
  const auto blocks = static_cast<double>(strength_.size());
  const double wanted = std::sqrt(std::min((target_error_ - kRounding) * blocks / power,
                                           (largest_loss_ * blocks - loss_of_rounding) / (structural_share_ * loss)));
  const auto gain = static_cast<float>(std::min(wanted, strongest_in_flats_));
  for (float& strength : strength_) strength = std::min(gain * strength, kStrongest);
}

void Embedder::add_pattern(Frame& frame) const {
  const int lanes = 3 * width_;
  std::vector<int16_t> above(lanes), below(lanes);
  // One row of blocks, between their centres along x, as integers, for R, G and B.
  const auto expand = [&](int row, std::vector<int16_t>& line) {
    const float* blocks = &strength_[size_t(std::clamp(row, 0, down_ - 1)) * across_];
    for (int x = 0; x < width_; ++x) {
      const float place = (x + 0.5f) / kWindow - 0.5f;
      const int left = std::max(static_cast<int>(place), 0), right = std::min(left + 1, across_ - 1);
      const float value = blocks[left] + std::max(place - left, 0.f) * (blocks[right] - blocks[left]);
      std::fill_n(&line[3 * size_t(x)], 3, static_cast<int16_t>(value * kStrengthScale + 0.5f));
    }
  };
  int current = -2;
  for (int y = 0; y < height_; ++y) {
    const int twice = 2 * y + 1 - kWindow;  // twice the distance from the centre of the first row of blocks
    const int row = twice < 0 ? -1 : twice / (2 * kWindow);
    if (row != current) {
      expand(row, above);
      expand(row + 1, below);
      current = row;
    }
    const int weight = 16 * (twice - row * 2 * kWindow) / (2 * kWindow);  // of `below`, in sixteenths
    add_line(&frame.rgb[size_t(y) * lanes], &pattern_[size_t(y) * lanes], above.data(), below.data(), weight, lanes);
  }
}

}  // namespace soragen::provenance::watermark
