#pragma once

#include <filesystem>
#include <string>

namespace soragen::cli {

// The model directory to use: the flag, else $SORAGEN_MODEL, else the model installed with the program
// (<prefix>/share/soragen/models/soragen-mini), else that of the source tree the program was built in. The last two
// only where they exist; Error{usage} if none does.
std::filesystem::path locate_model(const std::string& flag);

}  // namespace soragen::cli
