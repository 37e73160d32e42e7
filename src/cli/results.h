// stdout: results and nothing else.
#pragma once

#include <string_view>

#include "core/json.h"

namespace soragen::cli {

// One line at once, so that a reader at the other end of a pipe has it while the next film is made.
// Throws Error{resource} if it cannot be written.
void print_line(std::string_view text);
void print_text(std::string_view text);  // as it is
void print_json(const Json& value, int indent = -1);

}  // namespace soragen::cli
