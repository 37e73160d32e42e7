// A command line, read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "soragen/request.h"

namespace soragen::cli {

// What is said about a film's marks. On the command line only: no model directory, preset or line of a batch file can
// leave a mark out or name a key.
struct MarkFlags {
  bool no_watermark = false;
  bool no_credentials = false;
  bool include_prompt = false;
  std::string sign_cert, sign_key;  // "": this machine's identity
  std::string tsa;                  // URL of a time-stamp server, or ""
  std::string watermark_key;        // file, or "" for the public key
};

struct Invocation {
  Request request;                    // what the flags of the options table say
  std::vector<std::string> operands;  // what is no flag

  // Flags of the program itself
  std::string model;  // "": looked for, see model_location.h
  MarkFlags marks;
  int64_t count = 1;
  std::string shard;  // "I/N"
  std::string extension = "mp4";
  std::string progress = "auto";
  std::string name;   // of a signing identity
  std::string trust;  // PEM file of anchors
  std::string source_type = "trainedAlgorithmicMedia";
  bool no_audio = false;
  bool force = false;
  bool no_register = false;
  bool dry_run = false;
  bool json = false;
  bool resume = false;
  bool verbose = false;
  bool quiet = false;
  bool help = false;
};

}  // namespace soragen::cli
