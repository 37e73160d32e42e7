// What a small model says it knows: the `vocabulary` of its directory's soragen.json. Models without one know no
// bounds.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "families/family.h"

namespace soragen::pipeline {

struct Vocabulary {
  std::map<std::string, std::vector<std::string>> slots;  // "colour": {"red", ...}
  std::vector<std::string> examples;                      // prompts
  std::vector<std::string> words;                         // every word that means something to the model, lower case
  std::map<std::string, std::string> nearest;  // an ordinary word it does not know, and the one that is closest
};

// Throws Error{input} naming the file and the key.
std::optional<Vocabulary> read_vocabulary(const families::ModelSpec& spec);
Vocabulary parse_vocabulary(const Json& json, const std::string& where);

// A sentence for a prompt of which the model knows no word, naming the nearest ones it does know; "" when it knows one.
std::string unknown_prompt_hint(const Vocabulary& vocabulary, std::string_view prompt);

}  // namespace soragen::pipeline
