#pragma once

#include <cstdint>
#include <string>

namespace soragen::cli {

std::string format_bytes(int64_t bytes);  // "512 B", "1.3 GiB"

}  // namespace soragen::cli
