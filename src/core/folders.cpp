#include "core/folders.h"

#include <cstdlib>

#include "core/fail.h"

namespace soragen {
namespace {

std::filesystem::path folder(const char* variable, const char* below_home) {
  const auto absolute = [](const char* name) {
    const char* value = std::getenv(name);
    const std::filesystem::path path(value == nullptr ? "" : value);
    return path.is_absolute() ? path : std::filesystem::path();  // relative ones are to be ignored
  };
  if (const auto base = absolute(variable); !base.empty()) return base / "soragen";
  if (const auto home = absolute("HOME"); !home.empty()) return home / below_home / "soragen";
  fail(ErrorKind::input, "cannot tell where this user's files are: set {} or HOME to an absolute path", variable);
}

}  // namespace

std::filesystem::path config_folder() { return folder("XDG_CONFIG_HOME", ".config"); }
std::filesystem::path data_folder() { return folder("XDG_DATA_HOME", ".local/share"); }

}  // namespace soragen
