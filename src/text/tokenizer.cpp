#include "text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/fail.h"
#include "core/json.h"
#include "core/mapped_file.h"
#include "text/sentencepiece_model.h"
#include "text/utf8.h"

namespace soragen::text {
namespace {

constexpr size_t kMaxModelBytes = size_t{64} << 20;  // UMT5-XXL's spiece.model has 4.5 MB
constexpr size_t kMaxTextBytes = size_t{1} << 20;
constexpr std::string_view kWordBegin = "▁";  // U+2581 marks where a space stood

SentencePieceModel read_model(const std::filesystem::path& path) {
  const MappedFile file(path);
  if (file.bytes().size() > kMaxModelBytes) {
    fail(ErrorKind::input, "{}: {} bytes; a SentencePiece model has at most {}", path.string(), file.bytes().size(),
         kMaxModelBytes);
  }
  return parse_sentencepiece_model(file.bytes(), path.string());
}

// What transformers makes of spiece.model alone: control and unknown pieces are special, and so are the sentinels
// <extra_id_N> ... <extra_id_0> behind the vocabulary; no byte fallback.
TokenizerRules default_rules(const SentencePieceModel& model, int64_t extra_ids) {
  using Kind = SentencePieceModel::Kind;
  TokenizerRules rules;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const auto& piece = model.pieces[id];
    if (piece.kind != Kind::control && piece.kind != Kind::unknown && piece.kind != Kind::user_defined) continue;
    rules.added_tokens.push_back({piece.text, static_cast<int64_t>(id)});
  }
  const auto first_extra = static_cast<int64_t>(model.pieces.size());
  for (int64_t i = 0; i < extra_ids; ++i) {
    rules.added_tokens.push_back({fmt::format("<extra_id_{}>", extra_ids - 1 - i), first_extra + i});
  }
  rules.normalizer.push_back({.kind = NormalizerStep::Kind::character_map});
  rules.splits_at_white_space = true;
  return rules;
}

int64_t unknown_piece(const SentencePieceModel& model, const std::string& where) {
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    if (model.pieces[id].kind == SentencePieceModel::Kind::unknown) return static_cast<int64_t>(id);
  }
  fail(ErrorKind::input, "{}: the vocabulary has no unknown piece", where);
}

// "</s>", or {"content": "</s>", ...} as older files write it.
std::string read_eos_token(const JsonObject& config) {
  if (!config.has("eos_token") || !config.at("eos_token").is_object()) return config.string_or("eos_token", "</s>");
  return JsonObject(config.at("eos_token"), config.where() + ": eos_token").string("content");
}

std::string strip(const std::string& text, bool left, bool right) {
  const std::u32string wide = decode_utf8(text, "text");
  size_t first = 0, last = wide.size();
  while (left && first < last && is_white_space(wide[first])) ++first;
  while (right && last > first && is_white_space(wide[last - 1])) --last;
  return encode_utf8(std::u32string_view(wide).substr(first, last - first));
}

std::string replace(std::string_view text, std::string_view pattern, std::string_view content) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t found = std::min(text.find(pattern, at), text.size());
    out += text.substr(at, found - at);
    if (found < text.size()) out += content;
    at = found + pattern.size();
  }
  return out;
}

std::string replace_runs(std::string_view text, char character, std::string_view content) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_not_of(character, at), text.size());
    if (end - at >= 2) {
      out += content;
      at = end;
    } else {
      out += text[at++];
    }
  }
  return out;
}

}  // namespace

struct Tokenizer::Parts {
  TokenizerRules rules;
  std::string charsmap;
  std::vector<Unigram::Piece> pieces;
  std::string eos;
  std::string where;
};

Tokenizer::Parts Tokenizer::read_parts(const std::filesystem::path& folder) {
  Parts parts;
  parts.where = folder.string();
  const SentencePieceModel model = read_model(folder / "spiece.model");
  const auto config_path = folder / "tokenizer_config.json";
  const Json config_json = std::filesystem::exists(config_path) ? read_json_file(config_path) : Json::object();
  const JsonObject config(config_json, config_path.string());
  constexpr int64_t kT5ExtraIds = 100;
  const auto rules_path = folder / "tokenizer.json";
  parts.rules = std::filesystem::exists(rules_path)
                    ? read_tokenizer_rules(rules_path)
                    : default_rules(model, config.integer_or("extra_ids", kT5ExtraIds, 0, 1000));
  parts.eos = read_eos_token(config);
  parts.charsmap = model.charsmap;
  for (const auto& piece : model.pieces) parts.pieces.push_back({piece.text, piece.score});

  const auto size = static_cast<int64_t>(model.pieces.size());
  if (!parts.rules.unknown_id) parts.rules.unknown_id = unknown_piece(model, parts.where);
  if (*parts.rules.unknown_id >= size) {
    fail(ErrorKind::input, "{}: unk_id {} is outside the vocabulary of {} pieces", parts.where, *parts.rules.unknown_id,
         size);
  }
  // Sentinels behind the SentencePiece vocabulary are pieces too, of score 0, as T5's converter writes them.
  auto& added = parts.rules.added_tokens;
  std::sort(added.begin(), added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  for (const AddedToken& token : added) {
    if (token.id < size) {
      if (parts.pieces[token.id].text != token.content) {
        fail(ErrorKind::input, "{}: tokenizer.json calls id {} \"{}\", spiece.model \"{}\"", parts.where, token.id,
             token.content, parts.pieces[token.id].text);
      }
    } else if (token.id == static_cast<int64_t>(parts.pieces.size())) {
      parts.pieces.push_back({token.content, 0});
    } else {
      fail(ErrorKind::input, "{}: added token \"{}\" has id {}, expected {}", parts.where, token.content, token.id,
           parts.pieces.size());
    }
  }
  return parts;
}

Tokenizer::Tokenizer(const std::filesystem::path& folder) : Tokenizer(read_parts(folder)) {}

Tokenizer::Tokenizer(Parts parts)
    : rules_(std::move(parts.rules)),
      added_tokens_(rules_.added_tokens),
      character_map_(parts.charsmap, parts.where),
      unigram_(std::move(parts.pieces), *rules_.unknown_id, rules_.byte_fallback) {
  eos_id_ = unigram_.find(parts.eos);
  if (eos_id_ < 0) fail(ErrorKind::input, "{}: eos_token \"{}\" is not in the vocabulary", parts.where, parts.eos);
}

Tokens Tokenizer::encode(std::string_view text, int64_t max_length) const {
  SORAGEN_ASSERT(max_length >= 1);
  if (text.size() > kMaxTextBytes) {
    fail(ErrorKind::input, "text of {} bytes is too long to tokenize; at most {}", text.size(), kMaxTextBytes);
  }
  const size_t wrong = find_invalid_utf8(text);
  if (wrong != std::string_view::npos) fail(ErrorKind::input, "text is not UTF-8: wrong byte at offset {}", wrong);

  Tokens tokens;
  for (size_t at = 0; at < text.size();) {
    const AddedTokens::Match match = added_tokens_.find(text, at);
    encode_plain(text.substr(at, match.begin - at), tokens.ids);
    if (match.begin < text.size()) tokens.ids.push_back(match.id);
    at = match.end;
  }
  const auto length = static_cast<int64_t>(tokens.ids.size());
  tokens.dropped = std::max<int64_t>(0, length - (max_length - 1));
  tokens.ids.resize(length - tokens.dropped);
  tokens.ids.push_back(eos_id_);
  return tokens;
}

std::string Tokenizer::normalize(const std::string& text) const {
  std::string out = text;
  for (const NormalizerStep& step : rules_.normalizer) {
    switch (step.kind) {
      case NormalizerStep::Kind::character_map:
        out = character_map_.normalize(out);
        break;
      case NormalizerStep::Kind::strip:
        out = strip(out, step.left, step.right);
        break;
      case NormalizerStep::Kind::replace:
        out = replace(out, step.pattern, step.content);
        break;
      case NormalizerStep::Kind::replace_runs:
        out = replace_runs(out, step.pattern[0], step.content);
        break;
    }
  }
  return out;
}

// Text between added tokens.
void Tokenizer::encode_plain(std::string_view text, std::vector<int64_t>& ids) const {
  const std::string normalized = normalize(std::string(text));
  if (!rules_.splits_at_white_space) return encode_word(normalized, ids);
  const std::string_view all = normalized;
  size_t begin = 0;
  for (size_t at = 0; at < all.size();) {
    const size_t next = at + character_length(all.substr(at));
    if (is_white_space(first_character(all.substr(at)))) {
      encode_word(all.substr(begin, at - begin), ids);
      begin = next;
    }
    at = next;
  }
  encode_word(all.substr(begin), ids);
}

// Metaspace: spaces become "▁", one stands in front, and the word is cut before each of them.
void Tokenizer::encode_word(std::string_view word, std::vector<int64_t>& ids) const {
  if (word.empty()) return;
  std::string marked = replace(word, " ", kWordBegin);
  if (!marked.starts_with(kWordBegin)) marked.insert(0, kWordBegin);
  for (size_t begin = 0; begin < marked.size();) {
    const size_t end = std::min(marked.find(kWordBegin, begin + kWordBegin.size()), marked.size());
    unigram_.encode(std::string_view(marked).substr(begin, end - begin), ids);
    begin = end;
  }
}

}  // namespace soragen::text
