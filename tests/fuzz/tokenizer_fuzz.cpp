// Any bytes as spiece.model or, from '{' on, as tokenizer.json. A model that is accepted must be usable.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/fail.h"
#include "fuzz/outcome.h"
#include "text/character_map.h"
#include "text/sentencepiece_model.h"
#include "text/tokenizer_rules.h"
#include "text/unigram.h"
#include "text/utf8.h"

namespace {

using namespace soragen;

void use_model(std::span<const std::byte> bytes) {
  const text::SentencePieceModel model = text::parse_sentencepiece_model(bytes, "fuzz");
  const text::CharacterMap characters(model.charsmap, "fuzz");
  std::vector<text::Unigram::Piece> pieces;
  for (const auto& piece : model.pieces) pieces.push_back({piece.text, piece.score});
  const auto size = static_cast<int64_t>(pieces.size());
  const text::Unigram unigram(std::move(pieces), size - 1, /*byte_fallback=*/true);
  for (const char* sample : {"▁a red ball", "ｆｕｌｌ ﬁ e\u0301\u0323 \u1e9b", "▁字🎈\u0001<0x41>", ""}) {
    const std::string normalized = characters.normalize(sample);
    SORAGEN_ASSERT(text::find_invalid_utf8(normalized) == std::string_view::npos);
    std::vector<int64_t> ids;
    unigram.encode(normalized, ids);
    for (const int64_t id : ids) SORAGEN_ASSERT(id >= 0 && id < size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  test::expect_accepted_or_refused([&] {
    if (text.starts_with('{')) {
      text::parse_tokenizer_rules(text, "fuzz");
    } else {
      use_model(std::as_bytes(std::span(data, size)));
    }
  });
  return 0;
}
