// The user's folders for soragen, by the XDG Base Directory rules.
#pragma once

#include <filesystem>

namespace soragen {

// $XDG_CONFIG_HOME/soragen or ~/.config/soragen; $XDG_DATA_HOME/soragen or ~/.local/share/soragen. Nothing is created.
// Throws Error{input} where neither variable is an absolute path.
std::filesystem::path config_folder();
std::filesystem::path data_folder();

}  // namespace soragen
