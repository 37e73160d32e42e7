#include "text/tokenizer_rules.h"

#include <limits>

#include "core/fail.h"
#include "core/json.h"
#include "core/mapped_file.h"

namespace soragen::text {
namespace {

constexpr size_t kMaxFileBytes = size_t{64} << 20;  // UMT5's tokenizer.json has 17 MB
constexpr int kMaxDepth = 16;
constexpr size_t kMaxAddedTokens = 4096;  // UMT5 has 300 and a few

Json parse_without_vocabulary(std::string_view text, const std::string& where) {
  const auto keep = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) fail(ErrorKind::input, "{}: JSON nested deeper than {} levels", where, kMaxDepth);
    return !(event == Json::parse_event_t::key && depth == 2 && parsed == "vocab");
  };
  try {
    return Json::parse(text.begin(), text.end(), keep);
  } catch (const Json::exception& error) {
    fail(ErrorKind::input, "{}: not valid JSON: {}", where, error.what());
  }
}

[[noreturn]] void unknown_step(const JsonObject& step, std::string_view what) {
  std::string text = step.json().dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 160) text = text.substr(0, 157) + "...";
  fail(ErrorKind::unsupported, "{}: {} {} is not one of those that T5 tokenizers use", step.where(), what, text);
}

AddedToken read_added_token(const JsonObject& token) {
  // "normalized" tokens match the normalised text and "single_word" ones only between non-letters.
  if (token.boolean_or("normalized", false) || token.boolean_or("single_word", false))
    unknown_step(token, "added token");
  AddedToken added;
  added.content = token.string("content");
  if (added.content.empty()) fail(ErrorKind::input, "{}: an added token is empty", token.where());
  added.id = token.integer("id", 0, std::numeric_limits<int32_t>::max());
  added.eats_space_left = token.boolean_or("lstrip", false);
  added.eats_space_right = token.boolean_or("rstrip", false);
  return added;
}

NormalizerStep read_replacement(const JsonObject& step) {
  using Kind = NormalizerStep::Kind;
  const JsonObject pattern(step.at("pattern"), step.where());
  const bool runs = pattern.string_or("Regex", "") == " {2,}";
  NormalizerStep replace{.kind = runs ? Kind::replace_runs : Kind::replace};
  replace.pattern = runs ? std::string(1, ' ') : pattern.string_or("String", "");
  replace.content = step.string("content");
  if (replace.pattern.empty()) unknown_step(step, "normalizer");
  return replace;
}

void read_normalizer(const JsonObject& step, std::vector<NormalizerStep>& steps) {
  const std::string type = step.string("type");
  if (type == "Sequence") {
    for (const Json& inner : step.at("normalizers")) read_normalizer(JsonObject(inner, step.where()), steps);
  } else if (type == "Precompiled") {
    steps.push_back({.kind = NormalizerStep::Kind::character_map});
  } else if (type == "Strip") {
    steps.push_back({.kind = NormalizerStep::Kind::strip,
                     .left = step.boolean_or("strip_left", false),
                     .right = step.boolean_or("strip_right", false)});
  } else if (type == "Replace") {
    steps.push_back(read_replacement(step));
  } else {
    unknown_step(step, "normalizer");
  }
}

void check_metaspace(const JsonObject& step) {
  // Older files say add_prefix_space, newer ones prepend_scheme.
  const bool prepends = step.has("prepend_scheme") ? step.string("prepend_scheme") == "always"
                                                   : step.boolean_or("add_prefix_space", false);
  if (step.string("replacement") != "▁" || !prepends || !step.boolean_or("split", true))
    unknown_step(step, "pre-tokenizer");
}

// Metaspace, or WhitespaceSplit and Metaspace.
bool read_pre_tokenizer(const JsonObject& step) {
  const std::string type = step.string("type");
  if (type == "Metaspace") {
    check_metaspace(step);
    return false;
  }
  const Json* inner = type == "Sequence" && step.has("pretokenizers") ? &step.at("pretokenizers") : nullptr;
  if (inner == nullptr || !inner->is_array() || inner->size() != 2) unknown_step(step, "pre-tokenizer");
  const JsonObject first((*inner)[0], step.where()), second((*inner)[1], step.where());
  if (first.string("type") != "WhitespaceSplit" || second.string("type") != "Metaspace")
    unknown_step(step, "pre-tokenizer");
  check_metaspace(second);
  return true;
}

}  // namespace

TokenizerRules parse_tokenizer_rules(std::string_view json, const std::string& where) {
  const Json parsed = parse_without_vocabulary(json, where);
  const JsonObject root(parsed, where);
  const JsonObject model(root.at("model"), where + ": model");
  if (model.string_or("type", "Unigram") != "Unigram") {
    fail(ErrorKind::unsupported, "{}: model type {}; only Unigram (T5, UMT5) is read", where, model.string("type"));
  }
  TokenizerRules rules;
  rules.byte_fallback = model.boolean_or("byte_fallback", false);
  if (model.has("unk_id")) rules.unknown_id = model.integer("unk_id", 0, std::numeric_limits<int32_t>::max());
  if (root.has("added_tokens")) {
    const Json& tokens = root.at("added_tokens");
    if (!tokens.is_array() || tokens.size() > kMaxAddedTokens) {
      fail(ErrorKind::input, "{}: added_tokens is not a list of at most {} tokens", where, kMaxAddedTokens);
    }
    for (const Json& token : tokens)
      rules.added_tokens.push_back(read_added_token(JsonObject(token, where + ": added_tokens")));
  }
  if (root.has("normalizer"))
    read_normalizer(JsonObject(root.at("normalizer"), where + ": normalizer"), rules.normalizer);
  rules.splits_at_white_space = read_pre_tokenizer(JsonObject(root.at("pre_tokenizer"), where + ": pre_tokenizer"));
  return rules;
}

TokenizerRules read_tokenizer_rules(const std::filesystem::path& tokenizer_json) {
  const MappedFile file(tokenizer_json);
  const auto bytes = file.bytes();
  if (bytes.size() > kMaxFileBytes) {
    fail(ErrorKind::input, "{}: {} bytes; a tokenizer.json has at most {}", tokenizer_json.string(), bytes.size(),
         kMaxFileBytes);
  }
  return parse_tokenizer_rules({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, tokenizer_json.string());
}

}  // namespace soragen::text
