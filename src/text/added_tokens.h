// Added tokens: strings such as "</s>" and "<extra_id_0>" that are found in the raw text before anything else and
// are neither split nor normalised.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace soragen::text {

struct AddedToken {
  std::string content;  // not empty
  int64_t id = 0;
  bool eats_space_left = false;  // "lstrip"
  bool eats_space_right = false;
};

class AddedTokens {
 public:
  explicit AddedTokens(std::vector<AddedToken> tokens);

  struct Match {
    size_t begin, end;  // with the white space that the token eats
    int64_t id;
  };
  // The first token at or after `from`, of several at one place the longest; begin = end = text.size() if none.
  Match find(std::string_view text, size_t from) const;

 private:
  const AddedToken* longest_at_start(std::string_view text) const;

  std::vector<AddedToken> tokens_;
  std::bitset<256> first_bytes_;
};

}  // namespace soragen::text
