#include "provenance/watermark/search.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/element.h"
#include "provenance/watermark/fft.h"

namespace soragen::provenance::watermark {
namespace {

constexpr int kShifts = 64;  // a side: two and a bit samples of the finest wave
constexpr int kSymmetries = 8;
constexpr size_t kKept = 12;  // candidates of a stage that are refined

constexpr double kDegree = std::numbers::pi / 180;
constexpr double kLargestAngle = 12.5 * kDegree;
constexpr double kSmallestPeriod = 0.17, kLargestPeriod = 1.3;  // of the short side: padded to twice, cropped to .27
constexpr double kLeastScoreWhole = 3;
constexpr double kSmallestTurnedPeriod = 0.3, kLargestTurnedPeriod = 0.8;

// Lane by lane, which compilers make vectors of.
SORAGEN_CPU_KERNEL float highest_of(const std::vector<float>& surface) {
  constexpr int kLanes = 16;
  std::array<float, kLanes> highest;
  std::copy_n(surface.begin(), kLanes, highest.begin());
  for (size_t i = kLanes; i < surface.size(); i += kLanes)
    for (int lane = 0; lane < kLanes; ++lane) highest[lane] = std::max(highest[lane], surface[i + lane]);
  return *std::max_element(highest.begin(), highest.end());
}

// One correlation surface for both forms: the real and the imaginary part of one transform.
class Correlator {
 public:
  Correlator(const std::vector<Carrier>& standard, const std::vector<Carrier>& small)
      : standard_(waves_of(standard)), small_(waves_of(small)), grid_(kShifts, kShifts), fft_(kShifts, kShifts) {}

  struct Peak {
    double score = 0, shift_u = 0, shift_v = 0;
  };

  std::array<Peak, 2> peaks(const TileSpectrum& tile, int symmetry) {
    std::fill(grid_.real.begin(), grid_.real.end(), 0.f);
    std::fill(grid_.imaginary.begin(), grid_.imaginary.end(), 0.f);
    grid_.rows = grid_.columns = kShifts;
    const double powers[] = {put(tile, symmetry, standard_, 1), put(tile, symmetry, small_, {0, 1})};
    fft_.forward_transposed(grid_);
    return {peak(grid_.real, powers[0]), peak(grid_.imaginary, powers[1])};
  }

 private:
  struct Wave {
    int kx, ky;
    std::complex<float> conjugate;  // of what the pilot has there
  };
  static std::vector<Wave> waves_of(const std::vector<Carrier>& pilot) {
    std::vector<Wave> waves;
    for (const Carrier& carrier : pilot)
      waves.push_back({carrier.kx, carrier.ky, std::polar(carrier.amplitude, -carrier.phase)});
    return waves;
  }

  double put(const TileSpectrum& tile, int symmetry, const std::vector<Wave>& pilot, std::complex<float> part) {
    double power = 0;
    const auto add = [&](int kx, int ky, std::complex<float> value) {
      const size_t place = grid_.at((ky + kShifts) % kShifts, (kx + kShifts) % kShifts);
      grid_.real[place] += value.real();
      grid_.imaginary[place] += value.imag();
    };
    for (const Wave& wave : pilot) {
      const std::complex<float> value = tile.at(wave.kx, wave.ky, symmetry) * wave.conjugate;
      power += 2 * std::norm(value);
      add(wave.kx, wave.ky, part * value);
      add(-wave.kx, -wave.ky, part * std::conj(value));
    }
    return power;
  }

  static Peak peak(const std::vector<float>& surface, double power) {
    if (power <= 0) return {};
    const float highest = highest_of(surface);
    const int place = static_cast<int>(std::find(surface.begin(), surface.end(), highest) - surface.begin());
    return {highest / std::sqrt(power), place / kShifts / double(kShifts), place % kShifts / double(kShifts)};
  }

  std::vector<Wave> standard_, small_;
  ComplexGrid grid_;
  Fft fft_;
};

bool is_clearer(const Candidate& a, const Candidate& b) { return a.score > b.score; }

}  // namespace

PilotSearch::PilotSearch(const Key& key, const Spectrum& spectrum, const WorkingSize& size)
    : spectrum_(spectrum),
      size_(size),
      short_side_(std::min(size.width, size.height)),
      standard_(pilot_of(make_carriers(Form::standard, key))),
      small_(pilot_of(make_carriers(Form::small, key))) {}

// The score of one placement, between the points of the correlation surface too.
double PilotSearch::score(const Candidate& candidate) const {
  const Placement& p = candidate.placement;
  double sum = 0, power = 0;
  for (const Carrier& carrier : candidate.form == Form::standard ? standard_ : small_) {
    const Frequency frequency = frequency_of(carrier.kx, carrier.ky, p);
    const std::complex<float> value = spectrum_.sample(frequency.x, frequency.y) * carrier.amplitude;
    const double phase = carrier.phase + 2 * std::numbers::pi * (carrier.kx * p.shift_u + carrier.ky * p.shift_v);
    sum += 2 * (value.real() * std::cos(phase) + value.imag() * std::sin(phase));
    power += 2 * std::norm(value);
  }
  return power > 0 ? sum / std::sqrt(power) : 0;
}

// Uphill, one coordinate after the other, with steps that halve. Noise alone lifts the score by about 1 / (2 score) for
// every quantity that is fitted to it, so size and angle move only for more than that.
void PilotSearch::refine(Candidate& candidate) const {
  constexpr double kLeastGain = 0.15;
  const double reach = candidate.placement.period_x / spectrum_.longest_side();
  double size_step = 0.01 * reach, shift_step = 0.5 / kShifts;
  candidate.score = score(candidate);
  const auto attempt = [&](double least_gain, auto&& change) {
    Candidate other = candidate;
    change(other.placement);
    other.score = score(other);
    if (other.score > candidate.score + least_gain) candidate = other;
  };
  for (int halving = 0; halving < 6; ++halving, size_step /= 2, shift_step /= 2)
    for (const double sign : {1., -1.}) {
      attempt(0, [&](Placement& p) { p.shift_u += sign * shift_step; });
      attempt(0, [&](Placement& p) { p.shift_v += sign * shift_step; });
      const double factor = 1 + sign * size_step;
      attempt(kLeastGain, [&](Placement& p) { p.period_x *= factor, p.period_y *= factor; });
      attempt(kLeastGain, [&](Placement& p) { p.angle += sign * size_step; });
      attempt(kLeastGain, [&](Placement& p) { p.period_x *= factor; });
      attempt(kLeastGain, [&](Placement& p) { p.period_y *= factor; });
    }
}

std::vector<Candidate> PilotSearch::best_of(const std::vector<Placement>& placements) const {
  std::vector<Candidate> best;
  Correlator correlator(standard_, small_);
  for (const Placement& placement : placements) {
    const TileSpectrum tile(spectrum_, placement);
    for (int symmetry = 0; symmetry < kSymmetries; ++symmetry) {
      const auto peaks = correlator.peaks(tile, symmetry);
      for (const Form form : {Form::standard, Form::small}) {
        const auto& peak = peaks[form == Form::standard ? 0 : 1];
        if (best.size() == kKept && peak.score <= best.back().score) continue;
        Candidate candidate{form, placement, peak.score};
        candidate.placement.symmetry = symmetry;
        candidate.placement.shift_u = peak.shift_u;
        candidate.placement.shift_v = peak.shift_v;
        best.insert(std::upper_bound(best.begin(), best.end(), candidate, is_clearer), candidate);
        if (best.size() > kKept) best.pop_back();
      }
    }
  }
  for (Candidate& candidate : best) refine(candidate);
  std::sort(best.begin(), best.end(), is_clearer);
  return best;
}

// The tile begins at the film's corner. In a film that has kept its edges, also resized, mirrored or turned by
// quarters, that leaves a few dozen placements: one that is so much less likely by chance may be believed from a
// fainter pilot.
std::vector<Candidate> PilotSearch::whole() const {
  std::vector<Candidate> candidates;
  for (const double relative : relative_periods())
    for (int symmetry = 0; symmetry < kSymmetries; ++symmetry)
      for (const Form form : {Form::standard, Form::small}) {
        const double period = relative * short_side_;
        const bool turned = (symmetry >> 1 & 1) != 0;
        const int width = turned ? size_.height : size_.width, height = turned ? size_.width : size_.height;
        Candidate candidate{form, {period, period, 0, symmetry, width / 2. / period, height / 2. / period}};
        refine(candidate);
        candidates.push_back(candidate);
      }
  std::sort(candidates.begin(), candidates.end(), is_clearer);
  return candidates;
}

std::vector<PilotSearch::Stage> PilotSearch::stages(Effort effort) const {
  const auto square = [this](double relative, double angle = 0) {
    return Placement{.period_x = relative * short_side_, .period_y = relative * short_side_, .angle = angle};
  };
  const std::vector<double> known = relative_periods();
  Stage fixed{{}, 5};
  for (const double relative : known) fixed.placements.push_back(square(relative));
  if (effort == Effort::fixed) return {fixed};

  // Half a step off, the waves in the middle of the band are 0.15 of their length off at the picture's edge: the
  // correlation keeps 85 %. The same for sizes and angles. Very long pictures are searched more coarsely: they would
  // take hours.
  static constexpr double kLeastStep = 0.0036;
  const auto step = [this](double relative) {
    return std::max(0.03 * relative * short_side_ / spectrum_.longest_side(), kLeastStep);
  };
  Stage cropped{{}, 5.6}, rotated{{}, 5.6}, stretched{{}, 6}, both{{}, 6.5};
  for (double relative = kSmallestPeriod; relative < kLargestPeriod; relative *= 1 + step(relative)) {
    cropped.placements.push_back(square(relative));
    for (const double along : known) {
      stretched.placements.push_back({relative * short_side_, along * short_side_});
      stretched.placements.push_back({along * short_side_, relative * short_side_});
    }
    if (relative < kSmallestTurnedPeriod || relative > kLargestTurnedPeriod) continue;
    for (double angle = 0; angle < kLargestAngle; angle += step(relative))
      for (const double sign : {1., -1.}) both.placements.push_back(square(relative, sign * angle));
  }
  for (const double relative : known)
    for (double angle = step(relative); angle < kLargestAngle; angle += step(relative))
      for (const double sign : {1., -1.}) rotated.placements.push_back(square(relative, sign * angle));
  return {fixed, cropped, rotated, stretched, both};
}

void PilotSearch::run(Effort effort, const std::function<bool(const Candidate&, double)>& found) const {
  for (const Candidate& candidate : whole())
    if (found(candidate, kLeastScoreWhole)) return;
  for (const Stage& stage : stages(effort))
    for (const Candidate& candidate : best_of(stage.placements))
      if (found(candidate, stage.least_score)) return;
}

}  // namespace soragen::provenance::watermark
