// A command line, read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "soragen/request.h"

namespace soragen::cli {

struct Invocation {
  Request request;                    // what the flags of the options table say
  std::vector<std::string> operands;  // what is no flag

  // Flags of the program itself
  std::string model;  // "": looked for, see model_location.h
  int64_t count = 1;
  std::string shard;  // "I/N"
  std::string extension = "mp4";
  std::string progress = "auto";
  bool dry_run = false;
  bool json = false;
  bool resume = false;
  bool verbose = false;
  bool quiet = false;
  bool help = false;
};

}  // namespace soragen::cli
