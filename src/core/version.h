#pragma once
#include <string_view>

namespace soragen {
std::string_view version();  // "0.1.0", from the top-level CMakeLists.txt
}
