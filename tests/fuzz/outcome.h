// What a reader may do with hostile bytes: accept them, or throw an Error that is not `internal`.
// Anything else (another exception, an internal error) ends the fuzz target.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "soragen/error.h"

namespace soragen::test {

template <typename Read>
void expect_accepted_or_refused(Read read) {
  try {
    read();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::internal) {
      std::fprintf(stderr, "internal error: %s\n", error.what());
      std::abort();
    }
  }
}

}  // namespace soragen::test
