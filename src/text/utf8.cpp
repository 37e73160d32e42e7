#include "text/utf8.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "core/fail.h"

namespace soragen::text {

size_t find_invalid_utf8(std::string_view bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const int64_t size = static_cast<int64_t>(bytes.size());
  for (int64_t at = 0; at < size;) {
    const int64_t start = at;
    UChar32 c;
    U8_NEXT(data, at, size, c);
    if (c < 0) return static_cast<size_t>(start);
  }
  return std::string_view::npos;
}

std::u32string decode_utf8(std::string_view bytes, std::string_view what) {
  const size_t wrong = find_invalid_utf8(bytes);
  if (wrong != std::string_view::npos) {
    fail(ErrorKind::input, "{}: not UTF-8: byte 0x{:02x} at offset {} of {} does not belong to a character", what,
         static_cast<unsigned char>(bytes[wrong]), wrong, bytes.size());
  }
  std::u32string text;
  text.reserve(bytes.size());
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  for (size_t at = 0; at < bytes.size();) {
    UChar32 c;
    U8_NEXT_UNSAFE(data, at, c);
    text.push_back(static_cast<char32_t>(c));
  }
  return text;
}

std::string encode_utf8(std::u32string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t c : text) {
    uint8_t buffer[U8_MAX_LENGTH];
    size_t length = 0;
    U8_APPEND_UNSAFE(buffer, length, static_cast<UChar32>(c));
    bytes.append(reinterpret_cast<const char*>(buffer), length);
  }
  return bytes;
}

char32_t first_character(std::string_view bytes) {
  UChar32 c;
  U8_GET_UNSAFE(reinterpret_cast<const uint8_t*>(bytes.data()), 0, c);
  return static_cast<char32_t>(c);
}

size_t character_length(std::string_view bytes) {
  return 1 + U8_COUNT_TRAIL_BYTES_UNSAFE(static_cast<uint8_t>(bytes[0]));
}

bool is_white_space(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0; }

}  // namespace soragen::text
