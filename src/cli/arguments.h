// From words to an Invocation.
//
// Why not CLI11 (2.1.2): values must arrive as the text that was typed, since the options table checks them, and
// help, nearest names and completion are made from the tables. What would be left for it to do it gets wrong:
// `--negative-prompt= --output x` takes "--output" as the negative prompt, and `-o=x` writes to "=x".
#pragma once

#include <span>
#include <string>

#include "cli/commands.h"

namespace soragen::cli {

// Forms: --flag VALUE, --flag=VALUE, -f VALUE, -fVALUE, switches also as -vq; "--" ends the flags. A word that is a
// flag is never taken as another flag's value (--prompt=--json says it). --help wins over every mistake, so the parse
// stops there. Throws Error{usage}.
Invocation parse_arguments(const Command& command, std::span<const std::string> words);

}  // namespace soragen::cli
