// The rate-1/2 convolutional code of constraint length 7 with generators 171 and 133 (octal), the one of CCSDS 131.0-B
// and IEEE 802.11, closed on itself (tail-biting): no bits are spent to end the trellis. Free distance 10.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace soragen::provenance::watermark {

// n bits, each 0 or 1, to 2n; n >= 6, the memory of the code.
std::vector<uint8_t> encode_tail_biting(std::span<const uint8_t> bits);

// The most likely n bits behind 2n soft values: positive for 1, negative for 0, the size being the certainty.
// Exact: the Viterbi algorithm from each of the 64 states back to itself (0.4 million steps for n = 48).
std::vector<uint8_t> decode_tail_biting(std::span<const float> soft);

}  // namespace soragen::provenance::watermark
