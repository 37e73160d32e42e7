// UTF-8 to code points and back. Text from outside is checked once, here; everything behind works on valid text.
#pragma once

#include <string>
#include <string_view>

namespace soragen::text {

// Throws Error{input} "<what>: not UTF-8: ..." with the offset of the first wrong byte. Overlong forms,
// surrogates and code points above U+10FFFF are wrong.
std::u32string decode_utf8(std::string_view bytes, std::string_view what);
std::string encode_utf8(std::u32string_view text);

// Offset of the first byte that is not UTF-8, or npos.
size_t find_invalid_utf8(std::string_view bytes);

// The character that starts at bytes[0], and its length in bytes; bytes is valid UTF-8 and not empty.
char32_t first_character(std::string_view bytes);
size_t character_length(std::string_view bytes);

// Unicode White_Space: what Python's `regex` calls \s and Rust calls char::is_whitespace.
bool is_white_space(char32_t c);

}  // namespace soragen::text
