// A SentencePiece model file (spiece.model): the vocabulary, read without the SentencePiece library.
//
// The file is a protobuf message (sentencepiece_model.proto, ModelProto). Read here are the pieces, the
// precompiled character map of the normaliser and the model type; the rest is training history. Only Unigram
// models are accepted. Everything is checked: sizes, wire types, UTF-8, duplicates.
//
// Why not libsentencepiece: its ids differ from those of the `tokenizers` library that the reference runs (see
// tokenizer.h and unigram.h), and it trusts the file: 43 of 200 models with damaged character maps crashed 0.1.97.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace soragen::text {

struct SentencePieceModel {
  enum class Kind { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  struct Piece {
    std::string text;
    float score = 0;
    Kind kind = Kind::normal;
  };
  std::vector<Piece> pieces;  // the index is the token id
  std::string charsmap;       // for CharacterMap; may be empty
};

// Throws Error{input} "<where>: ..." on anything that is not such a model, Error{unsupported} for BPE, word and
// character models.
SentencePieceModel parse_sentencepiece_model(std::span<const std::byte> bytes, const std::string& where);

}  // namespace soragen::text
