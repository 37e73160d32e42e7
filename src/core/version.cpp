#include "core/version.h"

#include "soragen_version.h"

namespace soragen {
std::string_view version() { return SORAGEN_VERSION; }
}  // namespace soragen
