// The program: finds the command, runs it, and turns whatever was thrown into one line and an exit code.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/help.h"
#include "cli/results.h"
#include "core/cancellation.h"
#include "core/fail.h"
#include "core/log.h"
#include "core/spelling.h"
#include "core/version.h"
#include "pipeline/failure.h"

namespace soragen::cli {
namespace {

const Command& command_of(std::vector<std::string>& words) {
  if (words.front().starts_with('-')) return commands().front();
  const std::string word = words.front();
  words.erase(words.begin());
  if (const Command* command = find_command(word)) return *command;
  std::vector<std::string> names;
  for (const Command& command : commands()) names.emplace_back(command.name);
  const std::string nearest = nearest_word(word, names);
  fail(ErrorKind::usage, "unknown command '{}'{}; the commands are {}", word,
       nearest.empty() ? "" : " (did you mean '" + nearest + "'?)", fmt::join(names, ", "));
}

int run(std::vector<std::string> words) {
  if (words.empty() || words == std::vector<std::string>{"--help"} || words == std::vector<std::string>{"-h"})
    return print_text(overview()), 0;
  if (words.front() == "--version") return print_line(fmt::format("soragen {}", version())), 0;
  const Command& command = command_of(words);
  const Invocation invocation = parse_arguments(command, words);
  if (invocation.help) return print_text(help_of(command)), 0;
  set_log_level(invocation.quiet ? LogLevel::error : invocation.verbose ? LogLevel::debug : LogLevel::info);
  return command.run(invocation);
}

}  // namespace
}  // namespace soragen::cli

int main(int argc, char** argv) {
  using namespace soragen;
  install_signal_handlers();
  try {
    return cli::run({argv + 1, argv + argc});
  } catch (...) {
    const pipeline::Failure failure = pipeline::describe_failure(std::current_exception());
    pipeline::log_details(failure);
    log_error("{}", failure.message);
    return static_cast<int>(failure.kind);
  }
}
