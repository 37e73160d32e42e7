// SentencePiece's precompiled normaliser, applied as the `tokenizers` library applies it.
//
// The blob: uint32 n, n bytes of a double-array trie (Darts-clone units, uint32 little-endian), then
// replacement strings, each ended by a zero byte. A trie value is an offset into the replacements.
//
// Easy to get wrong: `tokenizers` looks up a whole grapheme cluster when it is shorter than 6 bytes, takes the
// SHORTEST key that is a prefix of it and replaces the whole cluster; failing that, each character by itself.
// SentencePiece takes the longest match anywhere. On composed (NFC) text they agree; on decomposed text not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace soragen::text {

class CharacterMap {
 public:
  // Throws Error{input} "<where>: ..." on a damaged blob. An empty blob maps every character to itself.
  CharacterMap(std::string_view blob, const std::string& where);

  // text is valid UTF-8, and so is the result. Error{input} when the trie points outside itself.
  std::string normalize(const std::string& text) const;

 private:
  std::optional<std::string_view> replacement(std::string_view part) const;
  [[noreturn]] void damaged() const;

  std::vector<uint32_t> trie_;
  std::string replacements_;
  std::string where_;
};

}  // namespace soragen::text
