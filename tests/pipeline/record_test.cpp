// What a user wrote leaves no trace in a record for others but its hash.
#include "pipeline/record.h"

#include "core/hash.h"
#include "support/expect_error.h"

namespace soragen::pipeline {
namespace {

Json record(const std::string& prompt) {
  return {{"settings", {{"prompt", prompt}, {"negative-prompt", "dull"}, {"seed", 7}}}, {"model", {{"name", "tiny"}}}};
}

TEST(Record, TextsBecomeTheirHashes) {
  const Json found = without_texts(record("a secret"));
  EXPECT_EQ(found["settings"], (Json{{"seed", 7}}));
  EXPECT_EQ(found["model"]["name"], "tiny");
  EXPECT_EQ(found.dump().find("secret"), std::string::npos);
  const std::string salt = found["texts"]["salt"];
  EXPECT_EQ(salt.size(), 32u);
  EXPECT_EQ(found["texts"]["prompt_sha256"], sha256_hex(salt + "a secret"));
  EXPECT_EQ(found["texts"]["negative_prompt_sha256"], sha256_hex(salt + "dull"));
  EXPECT_EQ(without_texts(record("a secret")), found);  // the same film has the same record
  Json other = record("a secret");
  other["settings"]["seed"] = 8;
  EXPECT_NE(without_texts(other)["texts"]["prompt_sha256"], found["texts"]["prompt_sha256"]);
}

TEST(Record, OnlyItsOwnTextsFitBack) {
  const Json published = without_texts(record("a secret"));
  Request texts;
  EXPECT_ERROR(with_texts(published, texts), ErrorKind::input, "the film's prompt is not in the film");
  texts.prompt = "a secret";
  EXPECT_ERROR(with_texts(published, texts), ErrorKind::input, "the film's negative-prompt is not in the film");
  texts.negative_prompt = "bright";
  EXPECT_ERROR(with_texts(published, texts), ErrorKind::input, "'bright' is not the text that the film was made with");
  texts.negative_prompt = "dull";
  EXPECT_EQ(with_texts(published, texts), record("a secret"));
  EXPECT_ERROR(with_texts(Json{{"settings", Json::object()}, {"texts", 7}}, texts), ErrorKind::input, "texts");
  EXPECT_ERROR(with_texts(Json{{"settings", Json::object()}, {"texts", {{"prompt_sha256", "x"}}}}, texts),
               ErrorKind::input, "salt");
}

}  // namespace
}  // namespace soragen::pipeline
