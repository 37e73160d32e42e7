// The one exception type. Thrown where the fact is known, caught only in src/cli/main.cpp, where the
// kind becomes the exit code. The message says what was tried, on what, what was found and what
// would be valid.
#pragma once

#include <stdexcept>
#include <string>

namespace soragen {

enum class ErrorKind {
  internal = 1,       // our bug
  usage = 2,          // the command line or a request key
  input = 3,          // a file, weights, a prompt
  unsupported = 4,    // valid, but not something soragen can do; the message says why
  resource = 5,       // memory or disk
  interrupted = 130,  // Ctrl-C
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }
  int exit_code() const { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
};

}  // namespace soragen
