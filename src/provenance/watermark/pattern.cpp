#include "provenance/watermark/pattern.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/fail.h"
#include "provenance/watermark/fft.h"

namespace soragen::provenance::watermark {
namespace {

constexpr double kLowestIndex = 6;  // below it is what a picture is made of, and blotches that people see
constexpr double kPilotShare = 0.25;
// Pictures have less of the fine waves, codecs leave less of them: the exponent that evens out the two.
constexpr double kSpectrumExponent = -0.5;

struct Size {
  int short_side;   // films from this short side on
  double relative;  // tile period over short side
};
constexpr Size kSizes[] = {{600, 128.0 / 288}, {300, 128.0 / 240}, {0, 128.0 / 144}};

std::vector<Carrier> carriers_by_ring() {
  std::vector<Carrier> carriers;
  for (int ky = 0; ky <= kHighestIndex; ++ky)
    for (int kx = -kHighestIndex; kx <= kHighestIndex; ++kx) {
      const int square = kx * kx + ky * ky;
      const bool half = ky > 0 || kx > 0;
      if (half && square >= kLowestIndex * kLowestIndex && square <= kHighestIndex * kHighestIndex)
        carriers.push_back({kx, ky, kPilot, 0, static_cast<float>(std::pow(square, kSpectrumExponent / 2))});
    }
  std::stable_sort(carriers.begin(), carriers.end(), [](const Carrier& a, const Carrier& b) {
    return a.kx * a.kx + a.ky * a.ky < b.kx * b.kx + b.ky * b.ky;
  });
  return carriers;
}

}  // namespace

std::vector<Carrier> make_carriers(Form form, const Key& key) {
  KeyStream random(key, form == Form::standard ? "standard" : "small");
  std::vector<Carrier> carriers = carriers_by_ring();
  const int bits = raw_bit_count(form);
  const int deal = static_cast<int>(bits / (1 - kPilotShare));  // one carrier a bit, the rest for the pilot
  double power = 0;
  for (size_t start = 0; start < carriers.size(); start += deal) {
    std::vector<int> uses(deal, kPilot);
    for (int bit = 0; bit < bits; ++bit) uses[bit] = bit;
    for (int i = deal - 1; i > 0; --i) std::swap(uses[i], uses[random.below(i + 1)]);
    for (size_t i = start; i < std::min(start + deal, carriers.size()); ++i) {
      carriers[i].bit = uses[i - start];
      carriers[i].phase = static_cast<float>(2 * std::numbers::pi * random.next() / 4294967296.0);
      power += 0.5 * carriers[i].amplitude * carriers[i].amplitude;
    }
  }
  for (Carrier& carrier : carriers) carrier.amplitude /= static_cast<float>(std::sqrt(power));
  return carriers;
}

std::vector<Carrier> pilot_of(std::vector<Carrier> carriers) {
  std::erase_if(carriers, [](const Carrier& carrier) { return carrier.bit != kPilot; });
  return carriers;
}

std::vector<float> render_tile(const std::vector<Carrier>& carriers, const std::vector<uint8_t>& raw_bits, int size) {
  SORAGEN_ASSERT(size > 2 * kHighestIndex);
  ComplexGrid grid(size, size);
  const auto wrap = [size](int k) { return (k + size) % size; };
  for (const Carrier& carrier : carriers) {
    const bool negative = carrier.bit != kPilot && raw_bits[carrier.bit] == 0;
    // The transform's exponent is negative: the wave exp(+i (2 pi k u + phase)) goes to the place of -k. It comes out
    // transposed, so the first index is that of x.
    const size_t place = grid.at(wrap(-carrier.kx), wrap(-carrier.ky));
    const float amplitude = negative ? -carrier.amplitude : carrier.amplitude;
    grid.real[place] = amplitude * std::cos(carrier.phase);
    grid.imaginary[place] = amplitude * std::sin(carrier.phase);
  }
  Fft(size, size).forward_transposed(grid);
  return std::move(grid.real);
}

double tile_period(int width, int height) {
  const int short_side = std::min(width, height);
  const auto* size =
      std::find_if(std::begin(kSizes), std::end(kSizes), [&](const Size& row) { return short_side >= row.short_side; });
  return size->relative * short_side;
}

Form choose_form(int width, int height, int frames) {
  constexpr int kLeastShortSide = 300, kLeastFrames = 5;
  const bool short_film = frames > 0 && frames < kLeastFrames;
  return std::min(width, height) < kLeastShortSide || short_film ? Form::small : Form::standard;
}

std::vector<double> relative_periods() {
  std::vector<double> periods;
  for (const Size& size : kSizes) periods.push_back(size.relative);
  return periods;
}

}  // namespace soragen::provenance::watermark
