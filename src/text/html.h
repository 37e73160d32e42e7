// HTML character references, in the two dialects that the reference's prompt cleaning uses.
#pragma once

#include <string>
#include <string_view>

namespace soragen::text {

// Python's html.unescape: every reference of the HTML5 standard, with its longest-prefix rule for names
// that need no semicolon ("&notit;" is "¬it;"), Windows-1252 for &#128; to &#159;, U+FFFD for surrogates
// and numbers above U+10FFFF, nothing for control characters and noncharacters.
std::u32string unescape_html(std::u32string_view text);

// ftfy's stricter dialect: only references that end in a semicolon, plus names written in capitals
// ("&EACUTE;" is "É") where the standard gives the capitals no meaning of their own.
std::u32string unescape_html_with_semicolon(std::u32string_view text);

// What a C1 control (0x80 to 0x9f) was meant to be: the Windows-1252 character of that byte. The five bytes that
// Windows-1252 leaves undefined, and every other character, stay what they are.
char32_t from_windows_1252(char32_t c);

// A table row: the value of "&<name>;" as one or two code points. `bare`: also valid without semicolon.
struct HtmlEntity {
  char32_t value[2];
  bool bare;
};
// nullptr when the standard has no such name. `name` comes without & and semicolon.
const HtmlEntity* find_html_entity(std::string_view name);

}  // namespace soragen::text
