#include "text/sentencepiece_model.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "core/fail.h"
#include "text/utf8.h"

namespace soragen::text {
namespace {

constexpr size_t kMaxPieces = size_t{1} << 20;  // UMT5, the largest known, has 256,000
constexpr size_t kMaxPieceBytes = 512;          // trainers stop at 16 characters unless told otherwise
constexpr uint64_t kUnigram = 1;

// One field of a protobuf message: a number, or bytes.
struct Field {
  uint32_t number = 0;
  bool is_bytes = false;
  uint64_t value = 0;
  std::string_view bytes;
};

class MessageReader {
 public:
  MessageReader(std::string_view bytes, const std::string& where) : rest_(bytes), where_(where) {}

  std::optional<Field> next() {
    if (rest_.empty()) return std::nullopt;
    const uint64_t key = varint();
    Field field;
    field.number = static_cast<uint32_t>(key >> 3);
    if (field.number == 0 || key >> 32 != 0) damaged("a field number is out of range");
    switch (key & 7) {
      case 0:
        field.value = varint();
        break;
      case 1:
        field.value = fixed<uint64_t>();
        break;
      case 2:
        field.is_bytes = true;
        field.bytes = take(varint());
        break;
      case 5:
        field.value = fixed<uint32_t>();
        break;
      default:
        damaged("a field has an unknown wire type");
    }
    return field;
  }

  [[noreturn]] void damaged(std::string_view reason) const {
    fail(ErrorKind::input, "{}: not a SentencePiece model: {}; {} bytes before the end", where_, reason, rest_.size());
  }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<uint8_t>(take(1)[0]);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    damaged("a number is longer than 64 bits");
  }

  template <typename T>
  T fixed() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view take(uint64_t size) {
    if (size > rest_.size()) damaged("the file ends inside a field");
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  std::string_view rest_;
  const std::string& where_;
};

// message SentencePiece { string piece = 1; float score = 2; Type type = 3; }
SentencePieceModel::Piece read_piece(std::string_view bytes, const std::string& where) {
  MessageReader reader(bytes, where);
  SentencePieceModel::Piece piece;
  while (const auto field = reader.next()) {
    if (field->number == 1 && field->is_bytes) {
      piece.text = field->bytes;
    } else if (field->number == 2 && !field->is_bytes) {
      const auto bits = static_cast<uint32_t>(field->value);
      std::memcpy(&piece.score, &bits, sizeof bits);
    } else if (field->number == 3 && !field->is_bytes) {
      if (field->value < 1 || field->value > 6) reader.damaged("a piece has an unknown type");
      piece.kind = static_cast<SentencePieceModel::Kind>(field->value);
    }
  }
  if (piece.text.empty() || piece.text.size() > kMaxPieceBytes)
    reader.damaged("a piece is empty or longer than 512 bytes");
  if (find_invalid_utf8(piece.text) != std::string::npos) reader.damaged("a piece is not UTF-8");
  if (!std::isfinite(piece.score)) reader.damaged("a piece's score is not finite");
  return piece;
}

// TrainerSpec.model_type = 3, Unigram when absent.
void check_model_type(std::string_view trainer_spec, const std::string& where) {
  MessageReader reader(trainer_spec, where);
  while (const auto field = reader.next()) {
    if (field->number == 3 && !field->is_bytes && field->value != kUnigram) {
      fail(ErrorKind::unsupported, "{}: SentencePiece model type {} (BPE, word or character); only Unigram (1) is read",
           where, field->value);
    }
  }
}

// NormalizerSpec.precompiled_charsmap = 2
std::string read_charsmap(std::string_view normalizer_spec, const std::string& where) {
  MessageReader reader(normalizer_spec, where);
  std::string charsmap;
  while (const auto field = reader.next()) {
    if (field->number == 2 && field->is_bytes) charsmap = field->bytes;
  }
  return charsmap;
}

}  // namespace

// message ModelProto { repeated SentencePiece pieces = 1; TrainerSpec = 2; NormalizerSpec = 3; ... }
SentencePieceModel parse_sentencepiece_model(std::span<const std::byte> bytes, const std::string& where) {
  MessageReader reader({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, where);
  SentencePieceModel model;
  while (const auto field = reader.next()) {
    if (!field->is_bytes) continue;
    if (field->number == 1) {
      model.pieces.push_back(read_piece(field->bytes, where));
      if (model.pieces.size() > kMaxPieces) reader.damaged("more than 1,048,576 pieces");
    } else if (field->number == 2) {
      check_model_type(field->bytes, where);
    } else if (field->number == 3) {
      model.charsmap = read_charsmap(field->bytes, where);
    }
  }
  if (model.pieces.empty()) reader.damaged("it has no pieces");
  std::unordered_set<std::string_view> seen;
  for (const auto& piece : model.pieces) {
    if (!seen.insert(piece.text).second) fail(ErrorKind::input, "{}: piece \"{}\" occurs twice", where, piece.text);
  }
  return model;
}

}  // namespace soragen::text
