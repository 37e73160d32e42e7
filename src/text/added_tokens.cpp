#include "text/added_tokens.h"

#include "text/utf8.h"

namespace soragen::text {

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  for (const AddedToken& token : tokens_) first_bytes_.set(static_cast<uint8_t>(token.content[0]));
}

const AddedToken* AddedTokens::longest_at_start(std::string_view text) const {
  const AddedToken* longest = nullptr;
  for (const AddedToken& token : tokens_) {
    if (text.starts_with(token.content) && (longest == nullptr || token.content.size() > longest->content.size())) {
      longest = &token;
    }
  }
  return longest;
}

AddedTokens::Match AddedTokens::find(std::string_view text, size_t from) const {
  for (size_t at = from; at < text.size(); ++at) {
    if (!first_bytes_.test(static_cast<uint8_t>(text[at]))) continue;
    const AddedToken* token = longest_at_start(text.substr(at));
    if (token == nullptr) continue;
    Match match{at, at + token->content.size(), token->id};
    while (token->eats_space_right && match.end < text.size() &&
           is_white_space(first_character(text.substr(match.end)))) {
      match.end += character_length(text.substr(match.end));
    }
    while (token->eats_space_left && match.begin > from) {
      size_t previous = match.begin - 1;
      while (previous > from && (static_cast<uint8_t>(text[previous]) & 0xc0) == 0x80) --previous;
      if (!is_white_space(first_character(text.substr(previous)))) break;
      match.begin = previous;
    }
    return match;
  }
  return {text.size(), text.size(), 0};
}

}  // namespace soragen::text
