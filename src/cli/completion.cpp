#include "cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"
#include "core/fail.h"

namespace soragen::cli {
namespace {

std::vector<std::string> spellings(const Flag& flag) {
  std::vector<std::string> words = {"--" + flag.name};
  if (flag.short_name != 0) words.push_back(fmt::format("-{}", flag.short_name));
  return words;
}

std::vector<std::string_view> command_names() {
  std::vector<std::string_view> names;
  for (const Command& command : commands()) names.push_back(command.name);
  return names;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// Text inside an _arguments specification that stands in single quotes.
std::string zsh_text(std::string text) {
  for (const std::string_view special : {"\\", "[", "]", ":"})
    text = replace_all(text, special, fmt::format("\\{}", special));
  return replace_all(text, "'", "'\\''");
}

std::string zsh_action(const Flag& flag) {
  if (!flag.choices.empty()) return fmt::format("({})", fmt::join(flag.choices, " "));
  return flag.value_name == "FILE" || flag.value_name == "DIR" ? "_files" : " ";
}

std::string zsh_flag(const Flag& flag) {
  const std::vector<std::string> words = spellings(flag);
  const std::string value = flag.value_name.empty() ? "" : fmt::format(":{}:{}", flag.value_name, zsh_action(flag));
  if (words.size() == 1) return fmt::format("'{}[{}]{}'", words.front(), zsh_text(flag.help), value);
  return fmt::format("'({})'{{{}}}'[{}]{}'", fmt::join(words, " "), fmt::join(words, ","), zsh_text(flag.help), value);
}

}  // namespace

// The word before decides: a flag with a closed set offers it, any other flag with a value leaves file names to bash
// (-o default), and everything else offers flags or commands.
std::string bash_completion() {
  std::string script =
      "# bash completion of soragen: source <(soragen completion bash)\n_soragen() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=generate choices= flags=\n";
  script += fmt::format(
      "  if ((COMP_CWORD > 1)); then\n    case ${{COMP_WORDS[1]}} in\n      {}) command=${{COMP_WORDS[1]}} ;;\n    "
      "esac\n  fi\n",
      fmt::join(command_names(), "|"));
  script += "  COMPREPLY=()\n  case $command:$before in\n";
  for (const Command& command : commands()) {
    std::vector<std::string> free_values;
    for (const Flag& flag : flags_of(command)) {
      if (flag.value_name.empty()) continue;
      for (const std::string& word : spellings(flag)) {
        if (flag.choices.empty())
          free_values.push_back(fmt::format("{}:{}", command.name, word));
        else
          script += fmt::format("    {}:{}) choices='{}' ;;\n", command.name, word, fmt::join(flag.choices, " "));
      }
    }
    if (!free_values.empty()) script += fmt::format("    {}) return ;;\n", fmt::join(free_values, "|"));
  }
  script +=
      "  esac\n  if [[ -n $choices ]]; then\n    COMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n    return\n  "
      "fi\n  case $command in\n";
  for (const Command& command : commands()) {
    std::vector<std::string> words;
    for (const Flag& flag : flags_of(command)) words.push_back("--" + flag.name);
    script += fmt::format("    {}) flags='{}' choices='{}' ;;\n", command.name, fmt::join(words, " "),
                          fmt::join(command.operand_choices, " "));
  }
  script += fmt::format("  esac\n  ((COMP_CWORD == 1)) && choices='{}'\n", fmt::join(command_names(), " "));
  script +=
      "  [[ $word == -* ]] && choices=$flags\n  COMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n}\n"
      "complete -o default -F _soragen soragen\n";
  return script;
}

std::string zsh_completion() {
  std::string script = "#compdef soragen\n_soragen() {\n  local command=generate\n  local -a commands=(\n";
  for (const Command& command : commands())
    script += fmt::format("    '{}:{}'\n", command.name, zsh_text(std::string(command.summary)));
  script += fmt::format(
      "  )\n  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then\n    _describe command commands\n    return\n  fi\n"
      "  case $words[2] in\n    {}) command=$words[2]; shift words; ((CURRENT--)) ;;\n  esac\n  case $command in\n",
      fmt::join(command_names(), "|"));
  for (const Command& command : commands()) {
    script += fmt::format("    {}) _arguments", command.name);
    for (const Flag& flag : flags_of(command)) script += " \\\n      " + zsh_flag(flag);
    if (!command.operand_choices.empty())
      script += fmt::format(" \\\n      '1:{}:({})'", command.operand, fmt::join(command.operand_choices, " "));
    else if (!command.operand.empty())
      script += fmt::format(" \\\n      '1:{}:_files'", command.operand);
    script += " ;;\n";
  }
  return script + "  esac\n}\n_soragen \"$@\"\n";
}

int completion(const Invocation& invocation) {
  const std::string& shell = invocation.operands.front();
  if (shell != "bash" && shell != "zsh")
    fail(ErrorKind::usage, "no completion for the shell '{}'; use bash or zsh", shell);
  fmt::print("{}", shell == "bash" ? bash_completion() : zsh_completion());
  return 0;
}

}  // namespace soragen::cli
