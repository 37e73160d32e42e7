// What tokenizer.json says about a tokenizer beyond its vocabulary, which is read from spiece.model.
//
// Only the rules that T5's converters write are known; any other step is Error{unsupported} with its name, since
// leaving one out would silently give other ids.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "text/added_tokens.h"

namespace soragen::text {

struct NormalizerStep {
  enum class Kind { character_map, strip, replace, replace_runs };
  Kind kind = Kind::character_map;
  bool left = false, right = false;  // strip: which sides
  // replace: every `pattern`; replace_runs: every run of two or more of the one character in `pattern` (" {2,}")
  std::string pattern, content;
};

struct TokenizerRules {
  std::vector<AddedToken> added_tokens;
  std::vector<NormalizerStep> normalizer;
  bool splits_at_white_space = false;  // before the marker of a word's beginning ("▁") is put in front
  bool byte_fallback = false;
  std::optional<int64_t> unknown_id;
};

// Throws Error{input} for a malformed file, Error{unsupported} for steps that are not T5's.
TokenizerRules read_tokenizer_rules(const std::filesystem::path& tokenizer_json);

// The same from text. The vocabulary inside it is skipped while parsing (16 MB in UMT5's file).
TokenizerRules parse_tokenizer_rules(std::string_view json, const std::string& where);

}  // namespace soragen::text
