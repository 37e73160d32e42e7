// Completion scripts for shells, generated from the tables of commands.h.
#pragma once

#include <string>

namespace soragen::cli {

std::string bash_completion();
std::string zsh_completion();

}  // namespace soragen::cli
