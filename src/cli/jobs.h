// The films that a jobs file asks for, the names they get, and which of them are this process's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "soragen/request.h"

namespace soragen::cli {

struct Job {
  int64_t line = 0;   // in the file, from 1
  Request request;    // what the line says
  std::string error;  // why it is no request, else ""
};

enum class JobsFormat {
  text,        // a prompt a line; blank lines and lines that begin with # are skipped
  json_lines,  // an object a line, keys as the long flags; blank lines are skipped
};

// By the name's ending; standard input ("-") is json_lines if it begins with "{".
// Throws Error{input, usage}; a line that is no request is a Job with an error, so that the others can go on.
std::vector<Job> read_jobs(const std::string& path);
std::vector<Job> parse_jobs(std::string_view text, JobsFormat format, const std::string& where);

// Inside the folder, from the request's "output" or else from line and prompt: "0001-a-red-ball.mp4", for images
// "0001-a-red-ball/%04d.png". Throws Error{usage} for a name that leaves the folder.
std::filesystem::path output_of(const Job& job, const std::filesystem::path& folder, const std::string& extension);
// The same rule for any file that a line names.
std::filesystem::path inside(const std::filesystem::path& folder, const std::string& name, std::string_view key);

// Job i of a file belongs to shard i mod count.
struct Shard {
  int64_t index = 0;
  int64_t count = 1;
  bool has(size_t job) const { return static_cast<int64_t>(job % static_cast<size_t>(count)) == index; }
};

// From "I/N", else from the environment: Slurm's SLURM_ARRAY_TASK_ID with _COUNT, _MIN and _STEP, or an indexed
// Kubernetes job's JOB_COMPLETION_INDEX with JOB_COMPLETIONS, which Kubernetes does not set: the job's manifest must.
// Throws Error{usage} where the variables do not say which part it is.
using Environment = std::function<const char*(const char*)>;
Shard choose_shard(const std::string& flag, const Environment& environment);

}  // namespace soragen::cli
