// The texts of --help, made from the tables of commands.h.
#pragma once

#include <string>

#include "cli/commands.h"

namespace soragen::cli {

std::string overview();                       // what `soragen` alone prints
std::string help_of(const Command& command);  // at most 40 lines of 100 columns

}  // namespace soragen::cli
