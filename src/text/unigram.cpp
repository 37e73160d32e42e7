#include "text/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/fail.h"
#include "text/utf8.h"

namespace soragen::text {
namespace {

constexpr double kUnknownPenalty = 10;

// The best split of the first i bytes ends in the piece that starts at `start`.
struct Best {
  double score = 0;
  int64_t start = -1;  // -1: no split ends here
  int64_t id = 0;
};

}  // namespace

Unigram::Unigram(std::vector<Piece> pieces, int64_t unknown_id, bool byte_fallback)
    : pieces_(std::move(pieces)), sorted_(pieces_.size()), unknown_id_(unknown_id), byte_fallback_(byte_fallback) {
  SORAGEN_ASSERT(unknown_id >= 0 && unknown_id < size());
  std::iota(sorted_.begin(), sorted_.end(), 0);
  std::sort(sorted_.begin(), sorted_.end(), [this](int32_t a, int32_t b) { return pieces_[a].text < pieces_[b].text; });
  double lowest = std::numeric_limits<double>::infinity();
  for (const Piece& piece : pieces_) lowest = std::min(lowest, piece.score);
  unknown_score_ = lowest - kUnknownPenalty;
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte) byte_ids_[byte] = find(fmt::format("<0x{:02X}>", byte));
}

int64_t Unigram::find(std::string_view piece) const {
  const auto found = std::lower_bound(sorted_.begin(), sorted_.end(), piece,
                                      [this](int32_t id, std::string_view text) { return pieces_[id].text < text; });
  return found != sorted_.end() && pieces_[*found].text == piece ? *found : -1;
}

void Unigram::encode(std::string_view word, std::vector<int64_t>& ids) const {
  std::vector<Best> best(word.size() + 1);
  best[0].start = 0;
  const auto offer = [&best](size_t end, double score, size_t start, int64_t id) {
    if (best[end].start < 0 || score > best[end].score) best[end] = {score, static_cast<int64_t>(start), id};
  };
  for (size_t start = 0; start < word.size();) {
    const size_t character = character_length(word.substr(start));
    const double till_here = best[start].score;
    bool has_single = false;
    // Narrow the sorted vocabulary byte by byte: what is left after n bytes are the pieces that begin with them.
    auto low = sorted_.begin(), high = sorted_.end();
    for (size_t length = 0; start + length < word.size() && low != high;) {
      const auto byte_at = [this, length](int32_t id) {  // text end sorts first
        const std::string& text = pieces_[id].text;
        return length < text.size() ? static_cast<uint8_t>(text[length]) : -1;
      };
      const int wanted = static_cast<uint8_t>(word[start + length]);
      low = std::partition_point(low, high, [&](int32_t id) { return byte_at(id) < wanted; });
      high = std::partition_point(low, high, [&](int32_t id) { return byte_at(id) == wanted; });
      ++length;
      if (low == high || pieces_[*low].text.size() != length) continue;
      offer(start + length, pieces_[*low].score + till_here, start, *low);
      has_single = has_single || length == character;
    }
    if (!has_single) offer(start + character, unknown_score_ + till_here, start, unknown_id_);
    start += character;
  }

  std::vector<std::pair<size_t, int64_t>> path;  // (start, id), last piece first
  for (size_t end = word.size(); end > 0; end = best[end].start) path.emplace_back(best[end].start, best[end].id);
  std::reverse(path.begin(), path.end());
  for (size_t i = 0; i < path.size();) {
    size_t next = i + 1;
    if (path[i].second != unknown_id_) {
      ids.push_back(path[i].second);
    } else {
      while (next < path.size() && path[next].second == unknown_id_) ++next;
      const size_t end = next < path.size() ? path[next].first : word.size();
      append_unknown(word.substr(path[i].first, end - path[i].first), ids);
    }
    i = next;
  }
}

void Unigram::append_unknown(std::string_view text, std::vector<int64_t>& ids) const {
  // The unknown piece's own name, written in full-width brackets, gets here too: it is itself, not bytes.
  const auto has_piece = [this](char byte) { return byte_ids_[static_cast<uint8_t>(byte)] >= 0; };
  if (!byte_fallback_ || text == pieces_[unknown_id_].text || !std::all_of(text.begin(), text.end(), has_piece)) {
    ids.push_back(unknown_id_);
    return;
  }
  for (const char byte : text) ids.push_back(byte_ids_[static_cast<uint8_t>(byte)]);
}

}  // namespace soragen::text
