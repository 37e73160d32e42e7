#include "provenance/watermark/message.h"

#include "core/fail.h"
#include "provenance/watermark/convolutional_code.h"

namespace soragen::provenance::watermark {
namespace {

struct Check {
  int bits;
  uint32_t polynomial;
};

constexpr Check check_of(Form form) { return form == Form::standard ? Check{16, 0x1021} : Check{8, 0x2F}; }

void append_bits(std::vector<uint8_t>& bits, uint32_t value, int count) {
  for (int i = count - 1; i >= 0; --i) bits.push_back(static_cast<uint8_t>(value >> i & 1));
}

uint32_t checksum(Form form, uint32_t id) {
  std::vector<uint8_t> covered;
  append_bits(covered, kSchemeVersion, 8);
  append_bits(covered, static_cast<uint32_t>(raw_bit_count(form)), 8);
  append_bits(covered, id, id_bit_count(form));
  const auto [bits, polynomial] = check_of(form);
  const uint32_t mask = (1u << bits) - 1;
  uint32_t remainder = mask;
  for (const uint8_t bit : covered) {
    const uint32_t out = (remainder >> (bits - 1) & 1) ^ bit;
    remainder = (remainder << 1 & mask) ^ (out ? polynomial : 0);
  }
  return remainder;
}

// How far the soft bits must lean towards the message, on average, in deviations of their noise. At 1 a sixth of the
// raw bits is wrong, which is all that the code can correct. Pure noise leans 0.8 towards its own signs and about 0.65
// (give or take 0.07 with 48 bits) towards the nearest of all code words, so this stops what a check of 8 bits would
// let pass.
constexpr double kLeastLean = 1;

}  // namespace

std::vector<uint8_t> encode_message(Form form, uint32_t id) {
  SORAGEN_ASSERT(form == Form::standard || id >> id_bit_count(form) == 0);
  std::vector<uint8_t> bits;
  append_bits(bits, id, id_bit_count(form));
  append_bits(bits, checksum(form, id), check_of(form).bits);
  return encode_tail_biting(bits);
}

std::optional<Message> decode_message(Form form, std::span<const float> soft) {
  SORAGEN_ASSERT(soft.size() == static_cast<size_t>(raw_bit_count(form)));
  const std::vector<uint8_t> bits = decode_tail_biting(soft);
  Message message;
  uint32_t check = 0;
  for (size_t i = 0; i < bits.size(); ++i) {
    uint32_t& word = i < static_cast<size_t>(id_bit_count(form)) ? message.id : check;
    word = word << 1 | bits[i];
  }
  if (check != checksum(form, message.id)) return std::nullopt;
  const std::vector<uint8_t> sent = encode_message(form, message.id);
  double lean = 0;
  for (size_t i = 0; i < soft.size(); ++i) {
    message.bits_corrected += (soft[i] > 0) != (sent[i] == 1);
    lean += sent[i] ? soft[i] : -soft[i];
  }
  if (lean < kLeastLean * static_cast<double>(soft.size())) return std::nullopt;
  return message;
}

}  // namespace soragen::provenance::watermark
