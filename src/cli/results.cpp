#include "cli/results.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/fail.h"

namespace soragen::cli {

void print_text(std::string_view text) {
  const bool is_written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!is_written) fail(ErrorKind::resource, "cannot write the result to stdout: {}", std::strerror(errno));
}

void print_line(std::string_view text) { print_text(fmt::format("{}\n", text)); }

// File names may be no UTF-8, JSON must be.
void print_json(const Json& value, int indent) {
  print_line(value.dump(indent, ' ', false, Json::error_handler_t::replace));
}

}  // namespace soragen::cli
