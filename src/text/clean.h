// Prompt cleaning, as diffusers' prompt_clean does it: ftfy.fix_text, html.unescape twice, strip, runs of white space
// to one space, strip.
//
// Of ftfy 6.3 everything is here that has one answer: HTML references (only while no "<" has been seen),
// terminal escapes, C1 controls as Windows-1252, Latin ligatures, full and half width, straight quotes, line
// breaks, invisible control characters, NFC. NOT here: its mojibake repair (`fix_encoding`), a heuristic that
// guesses that "sÃ³" was meant to be "só". Text that it would change is passed on as written.
#pragma once

#include <string>
#include <string_view>

namespace soragen::text {

// 512 tokens are a few kilobytes; repeated unescaping costs quadratic time on text made to abuse it.
inline constexpr size_t kMaxPromptBytes = 32 * 1024;

// Throws Error{input}: not UTF-8 (with the offset of the first wrong byte), or longer than kMaxPromptBytes.
std::string clean_prompt(std::string_view prompt);

}  // namespace soragen::text
