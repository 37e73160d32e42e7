// What a watermark says, and the bits that say it.
//   standard: 32 bits of film id + CRC-16 (CCITT, X^16+X^12+X^5+1, from 0xFFFF)    -> 48 bits -> 96 raw bits
//   small:    the low 16 bits of the id + CRC-8 (X^8+X^5+X^3+X^2+X+1, from 0xFF)    -> 24 bits -> 48 raw bits
// Both checks run over the scheme version, the form and the id; so a mark of another version does not pass.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace soragen::provenance::watermark {

constexpr int kSchemeVersion = 1;

enum class Form { standard, small };

constexpr int raw_bit_count(Form form) { return form == Form::standard ? 96 : 48; }
constexpr int id_bit_count(Form form) { return form == Form::standard ? 32 : 16; }

std::vector<uint8_t> encode_message(Form form, uint32_t id);  // raw bits; the id must fit the form

struct Message {
  uint32_t id = 0;
  int bits_corrected = 0;  // raw bits whose sign was against the message
};

// soft: in deviations of their noise. Nothing if the check fails, or if the bits are no clearer than chance makes them.
std::optional<Message> decode_message(Form form, std::span<const float> soft);

}  // namespace soragen::provenance::watermark
