#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/hash.h"
#include "corpus.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::text {
namespace {

namespace fs = std::filesystem;
using test::kGoldenText;
using test::TempDir;

std::string digest(const std::vector<int64_t>& ids) { return sha256_hex(std::as_bytes(std::span(ids))).substr(0, 12); }

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void expect_equal_ids(const Tokenizer& tokenizer, size_t reference) {
  const auto corpus = test::read_corpus();
  ASSERT_GE(corpus.size(), 2000u);
  size_t different = 0;
  for (const auto& line : corpus) {
    const Tokens tokens = tokenizer.encode(line.text);
    if (digest(tokens.ids) == line.digests[reference]) continue;
    if (++different <= 5) ADD_FAILURE() << Json(line.text).dump() << "\n -> " << Json(tokens.ids).dump();
  }
  EXPECT_EQ(different, 0u) << "of " << corpus.size() << " lines";
}

// A folder with the vocabulary of golden/text/tokenizer and other files beside it.
fs::path with_vocabulary(const TempDir& folder) {
  fs::copy(kGoldenText + "/tokenizer/spiece.model", folder / "spiece.model");
  return folder.path();
}

TEST(Tokenizer, EqualsTokenizersWithByteFallback) { expect_equal_ids(Tokenizer(kGoldenText + "/tokenizer"), 0); }

TEST(Tokenizer, EqualsTokenizersWithStrippingRules) {
  const TempDir folder;
  fs::copy(kGoldenText + "/rules_strip.json", folder / "tokenizer.json");
  expect_equal_ids(Tokenizer(with_vocabulary(folder)), 1);
}

TEST(Tokenizer, EqualsTokenizersWithCollapsingRules) {
  const TempDir folder;
  fs::copy(kGoldenText + "/rules_runs.json", folder / "tokenizer.json");
  expect_equal_ids(Tokenizer(with_vocabulary(folder)), 2);
}

TEST(Tokenizer, EqualsTransformersFromSpieceModelAlone) {
  expect_equal_ids(Tokenizer(kGoldenText + "/tokenizer_plain"), 3);
}

TEST(Tokenizer, CountsWhatItDrops) {
  const Tokenizer tokenizer(kGoldenText + "/tokenizer");
  int truncated = 0;
  for (const auto& line : test::read_corpus()) {
    const Tokens tokens = tokenizer.encode(line.text);
    EXPECT_EQ(static_cast<int64_t>(tokens.ids.size()) + tokens.dropped, line.ids);
    EXPECT_EQ(tokens.truncated(), line.ids > 512);
    EXPECT_LE(tokens.ids.size(), 512u);
    EXPECT_EQ(tokens.ids.back(), tokenizer.eos_id());
    truncated += tokens.truncated();
  }
  EXPECT_GE(truncated, 10);
}

TEST(Tokenizer, KeepsTheEndMarkerWhenNothingElseFits) {
  const Tokenizer tokenizer(kGoldenText + "/tokenizer");
  EXPECT_EQ(tokenizer.encode("a red ball", 1).ids, std::vector<int64_t>{1});
  EXPECT_EQ(tokenizer.encode("", 1).ids, std::vector<int64_t>{1});
  EXPECT_FALSE(tokenizer.encode("", 1).truncated());
}

TEST(Tokenizer, RefusesTextThatIsNotUtf8OrHuge) {
  const Tokenizer tokenizer(kGoldenText + "/tokenizer");
  EXPECT_ERROR(tokenizer.encode("ab\xff"), ErrorKind::input, "offset 2");
  EXPECT_ERROR(tokenizer.encode(std::string((1 << 20) + 1, 'a')), ErrorKind::input, "too long");
}

TEST(TokenizerFiles, MissingModelIsNamed) {
  const TempDir folder;
  EXPECT_ERROR(Tokenizer(folder.path()), ErrorKind::input, "spiece.model");
}

TEST(TokenizerFiles, TruncatedModelIsRefused) {
  const std::string whole = read_file(kGoldenText + "/tokenizer/spiece.model");
  // A cut between two fields of the message leaves a valid, shorter model: cut inside the first piece, inside
  // the piece list and inside the character map.
  for (const size_t size : {size_t{1}, size_t{9}, size_t{5003}, whole.size() - 1000}) {
    const TempDir folder;
    folder.write("spiece.model", whole.substr(0, size));
    EXPECT_ERROR(Tokenizer(folder.path()), ErrorKind::input, "not a SentencePiece model");
  }
}

TEST(TokenizerFiles, GarbageAndEmptyAreRefused) {
  for (const std::string& bytes :
       {std::string(), std::string(1000, '\xff'), std::string("{\"vocab\": []}"), std::string(64, '\0'),
        std::string("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), std::string("\x0a\x00", 2)}) {
    const TempDir folder;
    folder.write("spiece.model", bytes);
    EXPECT_ERROR(Tokenizer(folder.path()), ErrorKind::input, "spiece.model");
  }
}

TEST(TokenizerFiles, HugeModelIsRefusedUnread) {
  const TempDir folder;
  folder.write("spiece.model", "");
  fs::resize_file(folder / "spiece.model", (64 << 20) + 1);
  EXPECT_ERROR(Tokenizer(folder.path()), ErrorKind::input, "at most 67108864");
}

std::string piece(const std::string& text, float score, char kind) {
  std::string body = "\x0a" + std::string(1, static_cast<char>(text.size())) + text + "\x15";
  body.append(reinterpret_cast<const char*>(&score), sizeof score);
  body += std::string("\x18") + kind;
  return "\x0a" + std::string(1, static_cast<char>(body.size())) + body;
}

TEST(TokenizerFiles, HandMadeModels) {
  const auto refuse = [](const std::string& model, ErrorKind kind, const std::string& reason) {
    const TempDir folder;
    folder.write("spiece.model", model);
    EXPECT_ERROR(Tokenizer(folder.path()), kind, reason);
  };
  const std::string good =
      piece("<pad>", 0, 3) + piece("</s>", 0, 3) + piece("<unk>", 0, 2) + piece("\xe2\x96\x81", -1, 1);
  const TempDir folder;
  folder.write("spiece.model", good);
  EXPECT_EQ(Tokenizer(folder.path()).encode("x").ids, (std::vector<int64_t>{3, 2, 1}));
  refuse(good + piece("<pad>", 0, 1), ErrorKind::input, "occurs twice");
  refuse(good + piece("", 0, 1), ErrorKind::input, "empty");
  refuse(good + piece("\xff", 0, 1), ErrorKind::input, "not UTF-8");
  refuse(good + piece("a", NAN, 1), ErrorKind::input, "not finite");
  refuse(good + piece("a", 0, 9), ErrorKind::input, "unknown type");
  refuse(good + std::string("\x12\x02\x18\x02"), ErrorKind::unsupported,
         "only Unigram");  // trainer_spec.model_type = BPE
  refuse(piece("<pad>", 0, 3) + piece("</s>", 0, 3), ErrorKind::input, "no unknown piece");
  refuse(piece("<pad>", 0, 3) + piece("<unk>", 0, 2), ErrorKind::input, "eos_token");
  refuse(good + std::string("\x1a\x05\x12\x03\x61\x61\x61"), ErrorKind::input, "character map");  // three bytes of it
}

TEST(TokenizerFiles, DamagedCharacterMapIsAnErrorNotACrash) {
  const std::string whole = read_file(kGoldenText + "/tokenizer/spiece.model");
  const size_t map = whole.find("nmt_nfkc", whole.size() - 250000) + 8;
  int refused = 0;
  for (size_t step = 0; step < 64; ++step) {
    std::string damaged = whole;
    for (size_t at = map + 8 + step; at + 4 < damaged.size(); at += 64) damaged[at] ^= 0x55;
    const TempDir folder;
    folder.write("spiece.model", damaged);
    try {
      Tokenizer(folder.path()).encode("ｆｕｌｌ ﬁ é \u1e9b\u0323 字");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(TokenizerFiles, BadJsonIsRefused) {
  const auto refuse = [](const std::string& name, const std::string& json, ErrorKind kind, const std::string& reason) {
    const TempDir folder;
    folder.write(name, json);
    EXPECT_ERROR(Tokenizer(with_vocabulary(folder)), kind, reason);
  };
  const std::string metaspace = R"("pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"})";
  refuse("tokenizer_config.json", "[]", ErrorKind::input, "expected a JSON object");
  refuse("tokenizer_config.json", R"({"eos_token": 3})", ErrorKind::input, "eos_token");
  refuse("tokenizer_config.json", R"({"extra_ids": -1})", ErrorKind::input, "extra_ids");
  refuse("tokenizer.json", "{", ErrorKind::input, "not valid JSON");
  refuse("tokenizer.json", std::string(100, '['), ErrorKind::input, "deeper");
  refuse("tokenizer.json", "{}", ErrorKind::input, "model");
  refuse("tokenizer.json", R"({"model":{"type":"BPE"}})", ErrorKind::unsupported, "only Unigram");
  refuse("tokenizer.json", R"({"model":{"unk_id":9999999},)" + metaspace + "}", ErrorKind::input,
         "outside the vocabulary");
  refuse("tokenizer.json", R"({"model":{"byte_fallback":1},)" + metaspace + "}", ErrorKind::input, "byte_fallback");
  refuse("tokenizer.json", R"({"model":{},"pre_tokenizer":{"type":"ByteLevel"}})", ErrorKind::unsupported, "ByteLevel");
  refuse("tokenizer.json", R"({"model":{},"normalizer":{"type":"Lowercase"},)" + metaspace + "}",
         ErrorKind::unsupported, "Lowercase");
  refuse("tokenizer.json", R"({"model":{},"normalizer":{"type":"Sequence","normalizers":3},)" + metaspace + "}",
         ErrorKind::input, "normalizer");
  refuse("tokenizer.json", R"({"model":{},"added_tokens":[{"id":0,"content":"<zzz>"}],)" + metaspace + "}",
         ErrorKind::input, "<pad>");
  refuse("tokenizer.json", R"({"model":{},"added_tokens":[{"id":99999,"content":"<zzz>"}],)" + metaspace + "}",
         ErrorKind::input, "expected");
  refuse("tokenizer.json",
         R"({"model":{},"added_tokens":[{"id":0,"content":"<pad>","normalized":true}],)" + metaspace + "}",
         ErrorKind::unsupported, "added token");
}

}  // namespace
}  // namespace soragen::text
