// Expected ids: tokenizers 0.23.3, Tokenizer(Unigram(vocab, unk_id=0, byte_fallback=...)).encode(text).ids
#include "text/unigram.h"

#include <gtest/gtest.h>

namespace soragen::text {
namespace {

using Ids = std::vector<int64_t>;

Ids encode(std::vector<Unigram::Piece> pieces, std::string_view text, bool byte_fallback = false) {
  pieces.insert(pieces.begin(), {"<unk>", 0});
  Ids ids;
  Unigram(std::move(pieces), 0, byte_fallback).encode(text, ids);
  return ids;
}

TEST(Unigram, TakesTheSplitWithTheLargestSum) {
  EXPECT_EQ(encode({{"a", -0.5}, {"b", -0.5}, {"ab", -1.0625}}, "ab"), (Ids{1, 2}));
}

TEST(Unigram, TakesTheFirstOfEqualSplits) {
  EXPECT_EQ(encode({{"a", -0.5}, {"b", -0.5}, {"ab", -1}}, "ab"), (Ids{3}));
  EXPECT_EQ(encode({{"a", -1}, {"aa", -1.5}, {"aaa", -2}}, "aaaaa"), (Ids{2, 3}));
}

// Added in float32, "x a aa" and "x aa a" differ in the last bit: libsentencepiece gives {1, 3, 2}.
TEST(Unigram, AnotherOrderOfTheSamePiecesIsAnEqualSplit) {
  EXPECT_EQ(encode({{"x", -3.3f}, {"a", -4.7f}, {"aa", -6.1f}}, "xaaa"), (Ids{1, 2, 3}));
}

TEST(Unigram, AnUnknownCharacterCostsTenMoreThanTheWorstPiece) {
  EXPECT_EQ(encode({{"a", 5}, {"ax", -8}}, "ax"), (Ids{2}));  // 5 + (-8 - 10) is less
}

TEST(Unigram, NeighbouringUnknownsAreOneToken) {
  EXPECT_EQ(encode({{"a", 0}, {"bc", -1}}, "xyabcz"), (Ids{0, 1, 2, 0}));
}

TEST(Unigram, FallsBackToBytesOnlyWhereAllAreThere) {
  const std::vector<Unigram::Piece> pieces = {{"a", 0}, {"<0x78>", -1}, {"<0xC3>", -1}, {"<0xA9>", -1}};
  EXPECT_EQ(encode(pieces, "axéa", true), (Ids{1, 2, 3, 4, 1}));
  EXPECT_EQ(encode(pieces, "xéya", true), (Ids{0, 1}));  // no piece for 'y'
  EXPECT_EQ(encode(pieces, "axéa", false), (Ids{1, 0, 1}));
}

TEST(Unigram, SpecialAndBytePiecesMatchByName) {
  EXPECT_EQ(encode({{"a", 0}, {"<0x78>", -1}}, "a<unk><0x78>", true), (Ids{1, 0, 2}));
}

TEST(Unigram, NothingGivesNothing) { EXPECT_EQ(encode({{"a", 0}}, ""), Ids{}); }

}  // namespace
}  // namespace soragen::text
