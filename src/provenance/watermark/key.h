// The secret of a watermark, and the pseudo-random numbers drawn from it: the same on every machine.
// Whoever holds a key can find, forge and remove the marks made with it. Under the public key anyone can read a mark,
// which is its purpose: a hint that a film was generated, never a proof of who made it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace soragen::provenance::watermark {

using Key = std::array<uint8_t, 32>;

const Key& public_key();

// SHA-256 in counter mode: block i is SHA-256(key in hex / label / i).
class KeyStream {
 public:
  KeyStream(const Key& key, std::string_view label);
  uint32_t next();                 // 32 uniform bits
  uint32_t below(uint32_t limit);  // uniform in [0, limit), limit > 0

 private:
  std::string prefix_;
  uint64_t block_ = 0;
  std::array<uint8_t, 32> bytes_{};
  size_t used_ = 32;
};

}  // namespace soragen::provenance::watermark
