// The commands and their flags: two tables that serve parsing, help and shell completion.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/invocation.h"
#include "pipeline/options.h"

namespace soragen::cli {

struct Flag {
  std::string name;        // long form, without dashes
  char short_name = 0;     // 'o' for -o; 0: none
  std::string value_name;  // "" for a switch
  std::string help;
  std::string group;  // heading in the help
  std::vector<std::string> choices;
  std::function<void(Invocation&, const std::string& value)> set;  // throws Error{usage}
};

// What a command takes and does. `options` are groups of the pipeline's table; `flags` are names of the program's
// own flags, which also stand in for an option of the same name where the command gives it another meaning.
struct Command {
  std::string_view name;
  std::string_view synopsis;  // after the name: "FILE -o DIR [flags]"
  std::string_view summary;   // one line
  std::string_view operand;   // name of the one operand it takes, or ""
  std::vector<pipeline::OptionGroup> options;
  std::vector<std::string_view> without;  // options of those groups that it does not take
  std::vector<std::string_view> flags;
  std::vector<std::string_view> operand_choices = {};  // a closed set; otherwise the operand is a path
  int (*run)(const Invocation&);
};

const std::vector<Command>& commands();  // the first is the default
const Command* find_command(std::string_view name);
std::vector<Flag> flags_of(const Command& command);

// Each command, in a file of its name; returns the exit code.
int generate(const Invocation& invocation);
int batch(const Invocation& invocation);
int decode(const Invocation& invocation);
int mark(const Invocation& invocation);
int plan(const Invocation& invocation);
int inspect(const Invocation& invocation);
int verify(const Invocation& invocation);
int replay(const Invocation& invocation);
int keygen(const Invocation& invocation);
int vocab(const Invocation& invocation);
int doctor(const Invocation& invocation);
int completion(const Invocation& invocation);

}  // namespace soragen::cli
