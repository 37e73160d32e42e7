#include "text/character_map.h"

#include <unicode/brkiter.h>
#include <unicode/utext.h>

#include <cstring>
#include <memory>

#include "core/fail.h"
#include "text/utf8.h"

namespace soragen::text {
namespace {

// Darts-clone's unit: a label or a value, a flag for "a leaf hangs here", and the distance to the children.
bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t value(uint32_t unit) { return unit & 0x7fffffff; }
uint32_t label(uint32_t unit) { return unit & 0x800000ff; }
uint32_t offset(uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

struct CloseText {
  void operator()(UText* text) const { utext_close(text); }
};

// Calls visit(cluster) for every extended grapheme cluster (UAX #29) of text.
template <typename Visit>
void for_each_grapheme(const std::string& text, Visit visit) {
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<icu::BreakIterator> breaks(
      icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), status));
  const std::unique_ptr<UText, CloseText> source(utext_openUTF8(nullptr, text.data(), text.size(), &status));
  SORAGEN_ASSERT(U_SUCCESS(status));
  breaks->setText(source.get(), status);
  SORAGEN_ASSERT(U_SUCCESS(status));
  int32_t start = breaks->first();
  for (int32_t end = breaks->next(); end != icu::BreakIterator::DONE; start = end, end = breaks->next()) {
    visit(std::string_view(text).substr(start, end - start));
  }
}

}  // namespace

CharacterMap::CharacterMap(std::string_view blob, const std::string& where) : where_(where) {
  if (blob.empty()) return;
  uint32_t trie_bytes = 0;
  if (blob.size() < sizeof trie_bytes) damaged();
  std::memcpy(&trie_bytes, blob.data(), sizeof trie_bytes);
  blob.remove_prefix(sizeof trie_bytes);
  if (trie_bytes == 0 || trie_bytes % sizeof(uint32_t) != 0 || trie_bytes > blob.size()) damaged();
  trie_.resize(trie_bytes / sizeof(uint32_t));
  std::memcpy(trie_.data(), blob.data(), trie_bytes);
  replacements_ = blob.substr(trie_bytes);
  if (find_invalid_utf8(replacements_) != std::string::npos) damaged();
}

void CharacterMap::damaged() const {
  fail(ErrorKind::input, "{}: the character map of the normaliser is damaged ({} trie units, {} bytes of replacements)",
       where_, trie_.size(), replacements_.size());
}

std::optional<std::string_view> CharacterMap::replacement(std::string_view part) const {
  size_t node = offset(trie_[0]);
  for (const char c : part) {
    if (c == '\0') break;
    node ^= static_cast<uint8_t>(c);
    if (node >= trie_.size()) damaged();
    const uint32_t unit = trie_[node];
    if (label(unit) != static_cast<uint8_t>(c)) break;
    node ^= offset(unit);
    if (!has_leaf(unit)) continue;
    const size_t start = node < trie_.size() ? value(trie_[node]) : replacements_.size();
    if (start >= replacements_.size() || (static_cast<uint8_t>(replacements_[start]) & 0xc0) == 0x80) damaged();
    return std::string_view(replacements_.data() + start);  // std::string ends in a zero byte even if the blob does not
  }
  return std::nullopt;
}

std::string CharacterMap::normalize(const std::string& text) const {
  if (trie_.empty()) return text;
  constexpr size_t kLongestCluster = 5;
  std::string out;
  out.reserve(text.size());
  for_each_grapheme(text, [&](std::string_view cluster) {
    const auto whole = cluster.size() <= kLongestCluster ? replacement(cluster) : std::nullopt;
    if (whole) {
      out += *whole;
      return;
    }
    while (!cluster.empty()) {
      const std::string_view character = cluster.substr(0, character_length(cluster));
      out += replacement(character).value_or(character);
      cluster.remove_prefix(character.size());
    }
  });
  return out;
}

}  // namespace soragen::text
