// Text from files, prompts and file names on its way to a terminal.
#pragma once

#include <string>
#include <string_view>

namespace soragen {

// The text on one line, as a reader would have it: control characters, the invisible ones that reorder text
// (U+202A..U+202E, U+2066..U+2069) and bytes that are no UTF-8 become \n, \t or \xNN, so that no file name or prompt
// can move a cursor, hide a line or change a terminal's title.
std::string printable(std::string_view text);

}  // namespace soragen
