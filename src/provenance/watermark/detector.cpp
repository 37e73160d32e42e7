#include "provenance/watermark/detector.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/fail.h"

namespace soragen::provenance::watermark {
namespace {

constexpr int kLeastSide = 48;   // below it the finest waves of a mark are not 1.5 pixels long
constexpr int kRings = 8;        // over the band: some forty pilot waves each
constexpr double kCertain = 10;  // no mark elsewhere once the pilot is this clear

// Soft bits from the spectrum at a placement, in deviations of their noise. Each ring of the band counts by what is
// left of the pilot in it: codecs, blur and resizing take the fine waves first.
std::vector<float> read_spectrum(const Spectrum& spectrum, const Candidate& candidate,
                                 const std::vector<Carrier>& carriers) {
  const auto ring_of = [](const Carrier& carrier) {
    return std::min(static_cast<int>(std::hypot(carrier.kx, carrier.ky) / kHighestIndex * kRings), kRings - 1);
  };
  const Placement& placement = candidate.placement;
  std::vector<float> values;  // in units of noise, the mark being real and, for the pilot, positive
  float noise = 0;            // mean power of a sample
  std::array<double, kRings> kept{}, power{};
  for (const Carrier& carrier : carriers) {
    const Frequency frequency = frequency_of(carrier.kx, carrier.ky, placement);
    const std::complex<float> sample = spectrum.sample(frequency.x, frequency.y);
    const double phase =
        carrier.phase + 2 * std::numbers::pi * (carrier.kx * placement.shift_u + carrier.ky * placement.shift_v);
    values.push_back(carrier.amplitude *
                     static_cast<float>(sample.real() * std::cos(phase) + sample.imag() * std::sin(phase)));
    noise += std::norm(sample) / carriers.size();
    if (carrier.bit != kPilot) continue;
    kept[ring_of(carrier)] += values.back();
    power[ring_of(carrier)] += carrier.amplitude * carrier.amplitude;
  }
  for (int ring = 0; ring < kRings; ++ring) kept[ring] = power[ring] > 0 ? std::max(kept[ring] / power[ring], 0.0) : 0;
  std::vector<float> soft(raw_bit_count(candidate.form)), variance(soft.size());
  for (size_t i = 0; i < carriers.size(); ++i)
    if (carriers[i].bit != kPilot) {
      const auto weight = static_cast<float>(kept[ring_of(carriers[i])]);
      soft[carriers[i].bit] += weight * values[i];
      variance[carriers[i].bit] += std::pow(weight * carriers[i].amplitude, 2.f) * noise / 2;  // half is in phase
    }
  for (size_t bit = 0; bit < soft.size(); ++bit) soft[bit] /= std::sqrt(std::max(variance[bit], 1e-30f));
  return soft;
}

void describe(Detection& detection, const Candidate& candidate, double scale) {
  const Placement& placement = candidate.placement;
  detection.form = candidate.form;
  detection.score = candidate.score;
  detection.tile_width = placement.period_x / scale;
  detection.tile_height = placement.period_y / scale;
  if (placement.symmetry >> 1 & 1) std::swap(detection.tile_width, detection.tile_height);
  detection.mirrored = placement.symmetry & 1;
  detection.rotation = std::remainder((placement.symmetry >> 1) * 90 + placement.angle * 180 / std::numbers::pi, 360);
}

}  // namespace

void Detector::add(const Frame& frame) {
  if (frame.width < 1 || frame.height < 1 || frame.rgb.size() != size_t(3) * frame.width * frame.height)
    fail(ErrorKind::input, "watermark: a frame of {}x{} with {} bytes", frame.width, frame.height, frame.rgb.size());
  if (frames_ == 0) {
    width_ = frame.width;
    height_ = frame.height;
    size_ = working_size(width_, height_);
    sum_ = {size_.width, size_.height, std::vector<float>(size_t(size_.width) * size_.height)};
  }
  if (frame.width != width_ || frame.height != height_)
    fail(ErrorKind::input, "watermark: a frame of {}x{} in a film of {}x{}", frame.width, frame.height, width_,
         height_);
  const Plane picture = whitened_picture(frame, size_);
  for (size_t i = 0; i < picture.values.size(); ++i) sum_.values[i] += picture.values[i];
  pictures_.push_back(shrink(picture));
  ++frames_;
}

std::vector<float> Detector::read_bits(const Spectrum& average, const Candidate& candidate) const {
  const std::vector<Carrier> carriers = make_carriers(candidate.form, key_);
  const Spectrum weighted(weighted_sum(pictures_, average, candidate.placement, pilot_of(carriers)));
  Candidate refined = candidate;
  PilotSearch(key_, weighted, size_).refine(refined);
  return read_spectrum(weighted, refined, carriers);
}

Detection Detector::detect(Effort effort) const {
  Detection best;  // a mark, or what looks most like one
  if (frames_ == 0 || std::min(size_.width, size_.height) < kLeastSide) return best;
  const Spectrum spectrum(sum_);
  const PilotSearch search(key_, spectrum, size_);
  Candidate clearest;
  double clearest_margin = -1e9;  // over what the stage asks: chance scores higher where more is tried
  search.run(effort, [&](const Candidate& candidate, double least_score) {
    if (candidate.score - least_score > clearest_margin) {
      clearest = candidate;
      clearest_margin = candidate.score - least_score;
    }
    if (candidate.score < least_score) return false;
    std::vector<float> soft = read_bits(spectrum, candidate);
    const std::optional<Message> message = decode_message(candidate.form, soft);
    if (message) {
      describe(best, candidate, size_.scale);
      best.found = true;
      best.id = message->id;
      best.bits_corrected = message->bits_corrected;
      best.soft_bits = std::move(soft);
    }
    return message || candidate.score >= kCertain;
  });
  if (!best.found && clearest.score > 0) {
    describe(best, clearest, size_.scale);
    best.soft_bits = read_bits(spectrum, clearest);
  }
  return best;
}

}  // namespace soragen::provenance::watermark
