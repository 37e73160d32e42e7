#include "cli/model_location.h"

#include <cstdlib>

#include "core/fail.h"

namespace soragen::cli {
namespace fs = std::filesystem;

namespace {

constexpr int kBuildDepth = 4;  // <source>/build/<preset>/bin/soragen

fs::path shipped_model() {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  const auto is_model = [&](const fs::path& directory) { return fs::exists(directory / "model_index.json", ignored); };
  const fs::path installed = program.parent_path().parent_path() / "share/soragen/models/soragen-mini";
  if (is_model(installed)) return installed;
  fs::path above = program;
  for (int i = 0; i < kBuildDepth; ++i) {
    above = above.parent_path();
    if (is_model(above / "models/soragen-mini")) return above / "models/soragen-mini";
  }
  return "";
}

}  // namespace

fs::path locate_model(const std::string& flag) {
  if (!flag.empty()) return flag;
  if (const char* variable = std::getenv("SORAGEN_MODEL"); variable != nullptr && *variable != '\0') return variable;
  const fs::path shipped = shipped_model();
  if (shipped.empty())
    fail(ErrorKind::usage,
         "no model: --model and $SORAGEN_MODEL are not set and no model is installed; name a model directory with "
         "--model DIR");
  return shipped;
}

}  // namespace soragen::cli
