#include "pipeline/vocabulary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/fail.h"
#include "core/printable.h"
#include "core/spelling.h"

namespace soragen::pipeline {
namespace {

constexpr size_t kMostNamed = 4;  // words that a hint names

std::vector<std::string> strings_of(const Json& list, const std::string& where) {
  if (!list.is_array() || !std::all_of(list.begin(), list.end(), [](const Json& item) { return item.is_string(); }))
    fail(ErrorKind::input, "{} should be a list of texts, found {}", where, list.type_name());
  return list.get<std::vector<std::string>>();
}

// Lower-case words of a text; bytes beyond ASCII count as letters.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_letter = byte >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_letter)
      words.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    else if (!words.back().empty())
      words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// By meaning where the model says so, else by spelling.
std::string nearest_known(const Vocabulary& vocabulary, const std::string& word) {
  constexpr size_t kShortest = 4;  // any three letters are near some word
  if (const auto found = vocabulary.nearest.find(word); found != vocabulary.nearest.end()) return found->second;
  return word.size() < kShortest ? "" : nearest_word(word, vocabulary.words);
}

}  // namespace

Vocabulary parse_vocabulary(const Json& json, const std::string& where) {
  const JsonObject object(json, where);
  Vocabulary vocabulary{.examples = strings_of(object.at("examples"), where + ": examples"),
                        .words = strings_of(object.at("words"), where + ": words")};
  const JsonObject slots(object.at("slots"), where + ": slots");
  for (const auto& [slot, values] : slots.json().items())
    vocabulary.slots[slot] = strings_of(values, where + ": slots: " + slot);
  if (object.has("nearest")) {
    const JsonObject nearest(object.at("nearest"), where + ": nearest");
    for (const auto& [word, known] : nearest.json().items()) vocabulary.nearest[word] = nearest.string(word);
  }
  return vocabulary;
}

std::optional<Vocabulary> read_vocabulary(const families::ModelSpec& spec) {
  const auto path = spec.directory / "soragen.json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  const Json json = read_json_file(path);
  const JsonObject object(json, path.string());
  if (!object.has("vocabulary")) return std::nullopt;
  return parse_vocabulary(object.at("vocabulary"), path.string() + ": vocabulary");
}

std::string unknown_prompt_hint(const Vocabulary& vocabulary, std::string_view prompt) {
  std::vector<std::string> near;
  for (const std::string& word : words_of(prompt)) {
    if (contains(vocabulary.words, word)) return "";
    const std::string known = nearest_known(vocabulary, word);
    if (!known.empty() && near.size() < kMostNamed)
      near.push_back(fmt::format("\"{}\" for \"{}\"", printable(known), printable(word)));
  }
  const std::string tried = near.empty() ? "" : fmt::format("; nearest: {}", fmt::join(near, ", "));
  return fmt::format("this model knows no word of the prompt{}; `soragen vocab` shows what it knows", tried);
}

}  // namespace soragen::pipeline
