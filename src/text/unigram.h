// Unigram segmentation (Kudo 2018): the split of a word into vocabulary pieces with the largest sum of scores.
//
// As `tokenizers` does it: an unknown character costs 10 more than the worst piece, neighbouring unknowns are one
// token, scores add in float64, the first of equal splits wins, and every entry of the vocabulary may match,
// the "<0x41>" byte pieces and control pieces too.
//
// Why not libsentencepiece: it adds in float32. Splits into the same pieces in another order have equal sums; there
// they differ by rounding and another one wins: a 16,000-piece vocabulary gave "aaaa" and "nananananana" other ids
// than the reference.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace soragen::text {

class Unigram {
 public:
  struct Piece {
    std::string text;
    double score = 0;
  };
  // unknown_id is an index of pieces. byte_fallback: an unknown token becomes its bytes' "<0x..>" pieces where the
  // vocabulary has them all.
  Unigram(std::vector<Piece> pieces, int64_t unknown_id, bool byte_fallback);

  // Appends the ids of one word (valid UTF-8) to ids.
  void encode(std::string_view word, std::vector<int64_t>& ids) const;

  int64_t size() const { return static_cast<int64_t>(pieces_.size()); }
  int64_t find(std::string_view piece) const;  // its id, or -1

 private:
  void append_unknown(std::string_view text, std::vector<int64_t>& ids) const;

  std::vector<Piece> pieces_;
  std::vector<int32_t> sorted_;  // ids in byte order of their text: a range of it is a node of the prefix tree
  std::array<int64_t, 256> byte_ids_;
  int64_t unknown_id_;
  double unknown_score_;
  bool byte_fallback_;
};

}  // namespace soragen::text
