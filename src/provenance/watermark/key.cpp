#include "provenance/watermark/key.h"

#include "core/fail.h"
#include "core/hash.h"

namespace soragen::provenance::watermark {
namespace {

int hex_digit(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

std::array<uint8_t, 32> sha256(std::string_view text) {
  const std::string hex = sha256_hex(text);
  std::array<uint8_t, 32> digest{};
  for (size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<uint8_t>(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
  return digest;
}

std::string to_hex(const Key& key) {
  std::string hex;
  for (const uint8_t byte : key) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace

const Key& public_key() {
  static const Key key = sha256("soragen watermark, scheme 1, public key");
  return key;
}

KeyStream::KeyStream(const Key& key, std::string_view label) : prefix_(fmt::format("{}/{}/", to_hex(key), label)) {}

uint32_t KeyStream::next() {
  if (used_ == bytes_.size()) {
    bytes_ = sha256(prefix_ + std::to_string(block_++));
    used_ = 0;
  }
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | bytes_[used_++];
  return value;
}

uint32_t KeyStream::below(uint32_t limit) {
  SORAGEN_ASSERT(limit > 0);
  const uint32_t rejected = (0u - limit) % limit;  // 2^32 mod limit: the values that would favour small results
  uint32_t value = next();
  while (value < rejected) value = next();
  return value % limit;
}

}  // namespace soragen::provenance::watermark
