// Prompt to token ids, equal to those of Hugging Face `tokenizers` (T5 and UMT5: Unigram with SentencePiece's
// normaliser).
//
// A tokenizer folder holds spiece.model (vocabulary, scores, character map), and optionally tokenizer.json (added
// tokens, byte fallback, unknown id, normalizer steps) and tokenizer_config.json (eos_token, extra_ids). Without
// tokenizer.json the rules are those with which transformers builds its T5Tokenizer from spiece.model alone.
//
// Known differences of others on the same files; the numbers are of tests/golden/text/corpus.jsonl and stand in
// the README beside it:
//   - transformers 5.23's T5Tokenizer, which diffusers loads, rebuilds the model from tokenizer.json with
//     byte_fallback off and unk_id 2 whatever the file says: characters outside the vocabulary get other ids.
//   - libsentencepiece does not see special tokens in the text ("</s>" becomes letters), normalises decomposed text
//     differently (character_map.h), never matches byte or control pieces by name and adds scores in float32
//     (unigram.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "text/added_tokens.h"
#include "text/character_map.h"
#include "text/tokenizer_rules.h"
#include "text/unigram.h"

namespace soragen::text {

// The ids of one text, the eos id at the end. No padding: only real tokens are ever computed.
struct Tokens {
  std::vector<int64_t> ids;
  int64_t dropped = 0;  // ids of text that did not fit

  bool truncated() const { return dropped > 0; }
};

class Tokenizer {
 public:
  // Throws Error{input} for a missing, damaged or oversized file, Error{unsupported} for other kinds of tokenizer.
  explicit Tokenizer(const std::filesystem::path& folder);

  // At most max_length ids including eos; max_length is at least 1. Throws Error{input} for text that is not UTF-8 or
  // longer than 1 MiB. The text is taken as it is: clean_prompt comes first.
  Tokens encode(std::string_view text, int64_t max_length = 512) const;

  int64_t eos_id() const { return eos_id_; }
  int64_t vocabulary_size() const { return unigram_.size(); }  // ids are below it

 private:
  struct Parts;
  static Parts read_parts(const std::filesystem::path& folder);
  explicit Tokenizer(Parts parts);

  std::string normalize(const std::string& text) const;
  void encode_plain(std::string_view text, std::vector<int64_t>& ids) const;
  void encode_word(std::string_view word, std::vector<int64_t>& ids) const;

  TokenizerRules rules_;
  AddedTokens added_tokens_;
  CharacterMap character_map_;
  Unigram unigram_;
  int64_t eos_id_ = 0;
};

}  // namespace soragen::text
