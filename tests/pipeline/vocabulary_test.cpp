// What a small model says it knows, and the hint for a prompt of which it knows nothing.
#include "pipeline/vocabulary.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace soragen::pipeline {
namespace {

Json toy() {
  return {{"slots", {{"colour", {"red", "blue"}}}},
          {"examples", {"a red ball"}},
          {"words", {"red", "blue", "ball", "sea"}},
          {"nearest", {{"truck", "car"}}}};
}

std::string hint(std::string_view prompt) { return unknown_prompt_hint(parse_vocabulary(toy(), "toy"), prompt); }

TEST(Vocabulary, OneKnownWordIsEnough) {
  EXPECT_EQ(hint("A RED thing"), "");
  EXPECT_EQ(hint("dogs, cats; ball!"), "");
  EXPECT_NE(hint("a redder thing"), "");  // words, not parts of words
}

TEST(Vocabulary, NamesTheNearestByMeaningThenBySpelling) {
  const std::string found = hint("a truck with bals");
  EXPECT_NE(found.find("\"car\" for \"truck\""), std::string::npos) << found;
  EXPECT_NE(found.find("\"ball\" for \"bals\""), std::string::npos) << found;
  EXPECT_EQ(hint("a to of").find("nearest"), std::string::npos);  // short words are near everything
}

TEST(Vocabulary, AnyTextHasAnAnswer) {
  EXPECT_NE(hint(""), "");
  EXPECT_NE(hint("?!.."), "");
  EXPECT_NE(hint("привет \xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x9a\x80"), "");
  EXPECT_NE(hint(std::string(10'000, 'x')), "");
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "bals ";
  EXPECT_LT(hint(many).size(), 300u);
  EXPECT_EQ(hint("truck\x1b[2J").find('\x1b'), std::string::npos);
}

TEST(Vocabulary, RefusesWrongTypes) {
  Json json = toy();
  json["words"] = {1, 2};
  EXPECT_ERROR(parse_vocabulary(json, "toy"), ErrorKind::input, "toy: words should be a list of texts");
  json = toy();
  json["slots"]["colour"] = "red";
  EXPECT_ERROR(parse_vocabulary(json, "toy"), ErrorKind::input, "toy: slots: colour");
  json = toy();
  json["nearest"]["truck"] = 3;
  EXPECT_ERROR(parse_vocabulary(json, "toy"), ErrorKind::input, "nearest");
  json = toy();
  json.erase("examples");
  EXPECT_ERROR(parse_vocabulary(json, "toy"), ErrorKind::input, "examples");
}

}  // namespace
}  // namespace soragen::pipeline
