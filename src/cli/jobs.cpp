#include "cli/jobs.h"

#include <algorithm>
#include <charconv>
#include <iostream>
#include <iterator>

#include "core/fail.h"
#include "core/json.h"
#include "core/mapped_file.h"
#include "pipeline/options.h"

namespace soragen::cli {
namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxFileBytes = size_t{64} << 20;  // a hundred thousand long prompts
constexpr size_t kMaxSlug = 40;
constexpr int64_t kMaxShards = 1'000'000;

std::string read_stdin() {
  std::string text(kMaxFileBytes + 1, '\0');
  std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::cin.gcount()));
  return text;
}

std::string read_text(const std::string& path) {
  if (path == "-") return read_stdin();
  const MappedFile file(path);
  const auto bytes = file.bytes().first(std::min(file.bytes().size(), kMaxFileBytes + 1));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

Request parse_line(std::string_view line, JobsFormat format, const std::string& where) {
  if (format == JobsFormat::json_lines) return pipeline::parse_request(parse_json(line, where), where);
  Request request;
  request.prompt = line;
  return request;
}

// Letters and digits of ASCII, the rest as single dashes: a prompt is somebody else's text and becomes a file name.
std::string slug(std::string_view text) {
  std::string name;
  for (const char c : text) {
    if (name.size() >= kMaxSlug) break;
    const bool is_upper = c >= 'A' && c <= 'Z';
    if (is_upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      name += is_upper ? static_cast<char>(c - 'A' + 'a') : c;
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  while (name.ends_with('-')) name.pop_back();
  return name.empty() ? "film" : name;
}

int64_t shard_number(std::string_view text, const std::string& what, int64_t min, int64_t max) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max)
    fail(ErrorKind::usage, "{} '{}' is not valid; use a whole number from {} to {}", what, text, min, max);
  return value;
}

Shard parse_shard(const std::string& text) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos)
    fail(ErrorKind::usage, "--shard {} is not valid; use I/N with I from 0 to N-1, e.g. 0/4", text);
  Shard shard;
  shard.count = shard_number(std::string_view(text).substr(slash + 1), "--shard: N", 1, kMaxShards);
  shard.index = shard_number(std::string_view(text).substr(0, slash), "--shard: I", 0, shard.count - 1);
  return shard;
}

Shard slurm_shard(const char* id, const Environment& environment) {
  const auto number = [&](const char* name, int64_t fallback) {
    const char* text = environment(name);
    return text == nullptr ? fallback : shard_number(text, name, 0, INT32_MAX);
  };
  const int64_t count = number("SLURM_ARRAY_TASK_COUNT", 0);
  const int64_t from_min = shard_number(id, "SLURM_ARRAY_TASK_ID", 0, INT32_MAX) - number("SLURM_ARRAY_TASK_MIN", 0);
  const int64_t step = std::max<int64_t>(1, number("SLURM_ARRAY_TASK_STEP", 1));
  const int64_t index = from_min / step;
  if (count < 1 || from_min < 0 || from_min % step != 0 || index >= count)
    fail(ErrorKind::usage,
         "SLURM_ARRAY_TASK_ID {} does not say which of {} parts this is: the array's numbers are not evenly spaced or "
         "SLURM_ARRAY_TASK_COUNT is missing; give --shard I/N",
         id, count);
  return {index, count};
}

}  // namespace

std::vector<Job> parse_jobs(std::string_view text, JobsFormat format, const std::string& where) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // the mark that some editors put before UTF-8
  std::vector<Job> jobs;
  for (int64_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (is_blank(line) || (format == JobsFormat::text && line.starts_with('#'))) continue;
    Job job{.line = number};
    try {
      job.request = parse_line(line, format, fmt::format("{}:{}", where, number));
    } catch (const Error& error) {
      job.error = error.what();
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

std::vector<Job> read_jobs(const std::string& path) {
  const std::string extension = fs::path(path).extension().string();
  if (path != "-" && extension != ".txt" && extension != ".jsonl")
    fail(ErrorKind::usage,
         "cannot tell what '{}' holds: name it .txt (a prompt a line) or .jsonl (a request a line), or - for stdin",
         path);
  const std::string text = read_text(path);
  if (text.size() > kMaxFileBytes)
    fail(ErrorKind::input, "{}: more than the {} MiB that a jobs file may have", path, kMaxFileBytes >> 20);
  const size_t first = text.find_first_not_of(" \t\r\n");
  const bool is_json = path == "-" ? first != std::string::npos && text[first] == '{' : extension == ".jsonl";
  std::vector<Job> jobs =
      parse_jobs(text, is_json ? JobsFormat::json_lines : JobsFormat::text, path == "-" ? "stdin" : path);
  if (jobs.empty())
    fail(ErrorKind::input, "{} asks for no film: every line is blank{}", path, is_json ? "" : " or a comment");
  return jobs;
}

fs::path inside(const fs::path& folder, const std::string& name, std::string_view key) {
  const fs::path path = fs::path(name).lexically_normal();
  const bool leaves = path.is_absolute() || path.begin() == path.end() || *path.begin() == ".." ||
                      *path.begin() == "." || !path.has_filename();
  if (leaves) fail(ErrorKind::usage, "{} '{}' is not valid; use a file name inside {}", key, name, folder.string());
  return folder / path;
}

fs::path output_of(const Job& job, const fs::path& folder, const std::string& extension) {
  if (job.request.output) return inside(folder, job.request.output == "-" ? "" : *job.request.output, "output");
  const std::string stem = fmt::format("{:04}-{}", job.line, slug(job.request.prompt.value_or("")));
  return extension == "png" ? folder / stem / "%04d.png" : folder / (stem + "." + extension);
}

Shard choose_shard(const std::string& flag, const Environment& environment) {
  if (!flag.empty()) return parse_shard(flag);
  if (const char* id = environment("SLURM_ARRAY_TASK_ID")) return slurm_shard(id, environment);
  const char* index = environment("JOB_COMPLETION_INDEX");
  if (index == nullptr) return {};
  const char* count = environment("JOB_COMPLETIONS");
  if (count == nullptr)
    fail(ErrorKind::usage,
         "JOB_COMPLETION_INDEX is {}, but not of how many: set JOB_COMPLETIONS in the job's manifest or give --shard "
         "I/N",
         index);
  const int64_t shards = shard_number(count, "JOB_COMPLETIONS", 1, kMaxShards);
  return {shard_number(index, "JOB_COMPLETION_INDEX", 0, shards - 1), shards};
}

}  // namespace soragen::cli
