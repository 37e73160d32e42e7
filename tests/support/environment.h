// An environment variable with another value, or none, for as long as this lives.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "support/temp_dir.h"

namespace soragen::test {

class ScopedVariable {
 public:
  ScopedVariable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~ScopedVariable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

// A user of this test's own: no test writes to, or depends on, the real one's folders.
class ScopedUser {
 public:
  TempDir home;

 private:
  ScopedVariable home_{"HOME", home.path()};
  ScopedVariable config_{"XDG_CONFIG_HOME", home / "config"};
  ScopedVariable data_{"XDG_DATA_HOME", home / "data"};
};

}  // namespace soragen::test
