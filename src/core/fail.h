// fail(kind, format, args...): throw an Error with a formatted message.
// SORAGEN_ASSERT(condition): an invariant of ours, alive in release builds; a failure is a bug of soragen.
#pragma once

#include <fmt/format.h>

#include "soragen/error.h"

namespace soragen {

template <typename... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace soragen

#define SORAGEN_ASSERT(condition)                                                                                 \
  do {                                                                                                            \
    if (!(condition))                                                                                             \
      ::soragen::fail(::soragen::ErrorKind::internal, "{}:{}: {} does not hold", __FILE__, __LINE__, #condition); \
  } while (false)
