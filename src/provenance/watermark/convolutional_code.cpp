#include "provenance/watermark/convolutional_code.h"

#include <array>
#include <bit>
#include <limits>

#include "core/fail.h"

namespace soragen::provenance::watermark {
namespace {

constexpr unsigned kMemory = 6, kStates = 1u << kMemory;
constexpr std::array<unsigned, 2> kGenerators = {0171, 0133};

// The state is the last six bits, the newest on top; with a new bit above it, the register.
constexpr unsigned register_of(unsigned state, unsigned bit) { return bit << kMemory | state; }
constexpr unsigned output(unsigned shift_register, size_t generator) {
  return std::popcount(shift_register & kGenerators[generator]) & 1u;
}

struct Path {
  float metric = 0;
  std::vector<uint8_t> bits;
};

// The best path of the trellis that starts and ends in one state.
Path best_path(unsigned closing_state, std::span<const float> soft) {
  const size_t steps = soft.size() / 2;
  constexpr float kUnreachable = -std::numeric_limits<float>::infinity();
  std::array<float, kStates> metric, next;
  metric.fill(kUnreachable);
  metric[closing_state] = 0;
  std::vector<std::array<uint8_t, kStates>> came_from(steps);
  for (size_t step = 0; step < steps; ++step) {
    next.fill(kUnreachable);
    for (unsigned state = 0; state < kStates; ++state)
      for (unsigned bit = 0; bit < 2; ++bit) {
        const unsigned shift_register = register_of(state, bit), to = shift_register >> 1;
        float sum = metric[state];
        for (size_t g = 0; g < 2; ++g) sum += output(shift_register, g) ? soft[2 * step + g] : -soft[2 * step + g];
        if (sum > next[to]) {
          next[to] = sum;
          came_from[step][to] = static_cast<uint8_t>(state);
        }
      }
    metric = next;
  }
  Path path{metric[closing_state], std::vector<uint8_t>(steps)};
  unsigned state = closing_state;
  for (size_t step = steps; step-- > 0; state = came_from[step][state])
    path.bits[step] = static_cast<uint8_t>(state >> (kMemory - 1));
  return path;
}

}  // namespace

std::vector<uint8_t> encode_tail_biting(std::span<const uint8_t> bits) {
  SORAGEN_ASSERT(bits.size() >= kMemory);
  unsigned state = 0;
  for (const uint8_t bit : bits.last(kMemory)) state = register_of(state, bit) >> 1;
  std::vector<uint8_t> coded;
  for (const uint8_t bit : bits) {
    for (size_t g = 0; g < 2; ++g) coded.push_back(static_cast<uint8_t>(output(register_of(state, bit), g)));
    state = register_of(state, bit) >> 1;
  }
  return coded;
}

std::vector<uint8_t> decode_tail_biting(std::span<const float> soft) {
  SORAGEN_ASSERT(soft.size() % 2 == 0 && soft.size() >= 2 * kMemory);
  Path best{-std::numeric_limits<float>::infinity(), {}};
  for (unsigned state = 0; state < kStates; ++state) {
    Path path = best_path(state, soft);
    if (path.metric > best.metric) best = std::move(path);
  }
  return best.bits;
}

}  // namespace soragen::provenance::watermark
