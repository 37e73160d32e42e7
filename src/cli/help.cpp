#include "cli/help.h"

#include <fmt/format.h>

#include "core/version.h"

namespace soragen::cli {
namespace {

constexpr size_t kHelpColumn = 29;

std::string left_side(const Flag& flag) {
  const std::string short_form = flag.short_name == 0 ? "   " : fmt::format("-{},", flag.short_name);
  return fmt::format("{} --{}{}{}", short_form, flag.name, flag.value_name.empty() ? "" : " ", flag.value_name);
}

// What a person cannot read off the flags.
std::string_view notes_of(std::string_view command) {
  if (command == "generate")
    return "What is not given comes from the model's official profile; 'soragen plan' shows it. FILE: .mp4 .m4v\n"
           ".mov .mkv .webm .gif .y4m dir/%04d.png. All carry marks, which 'soragen verify FILE' reads.\n";
  if (command == "batch")
    return "A .txt file has a prompt a line, but for empty lines and those that begin with #; a .jsonl file an\n"
           "object whose keys are the long flags of generate; \"output\" is a name inside DIR, else the film is\n"
           "LINE-PROMPT.EXT: 0001-a-red-ball.mp4. stdout has a JSON object a film. Exit code 6: some failed.\n";
  if (command == "decode") return "Size, frames and rate are those of the latents; the form of FILE as in generate.\n";
  if (command == "mark")
    return "The form of FILE as in generate. Sound is copied as it is; pictures are written upright and at a\n"
           "constant rate. Credentials that FILM has are kept inside the new ones, and a watermark of soragen\n"
           "that it has stays its own. TYPE is a term of IPTC's list of digital source types, such as\n"
           "compositeWithTrainedAlgorithmicMedia.\n";
  if (command == "verify")
    return "Exit code: 0 unchanged since it was signed, 10 no marks, 11 changed or contradicting, 12 only a\n"
           "watermark, 3 not readable. A watermark is a hint, never a proof; no marks do not mean that a film\n"
           "is real. Of an MP4, padding ('free', 'skip') and the brand at its head may change unnoticed.\n";
  if (command == "replay")
    return "Exit code: 0 the frames agree, 11 they do not. A prompt that is not in the film is checked by its\nhash.\n";
  if (command == "keygen")
    return "Films are signed by a certificate of a year, issued by a root of ten years. Whoever shall trust it\n"
           "gets root.pem: 'soragen verify FILE --trust root.pem'. The first film makes an identity by itself.\n";
  if (command == "completion")
    return "bash: source <(soragen completion bash)\nzsh:  soragen completion zsh > a folder of $fpath, as _soragen\n";
  return "";
}

}  // namespace

std::string overview() {
  std::string text = fmt::format(
      "soragen {}: text to video\n\n"
      "  soragen --prompt \"a red ball bounces over the blue sea\" -o film.mp4\n\nCommands:\n",
      version());
  for (const Command& command : commands()) text += fmt::format("  {:<12}{}\n", command.name, command.summary);
  text +=
      "\n'soragen COMMAND --help' lists a command's flags; 'soragen --version' prints the version.\n"
      "Exit codes: 0 done, 1 a bug of soragen, 2 usage, 3 bad input, 4 unsupported, 5 out of memory or disk,\n"
      "6 batch finished with failures, 130 interrupted; verify and replay have more, see there.\n";
  return text;
}

std::string help_of(const Command& command) {
  std::string text = fmt::format("soragen {} {}: {}\n", command.name, command.synopsis, command.summary);
  const std::vector<Flag> flags = flags_of(command);
  for (const std::string_view group : {"Film", "Output", "Computing", "Marks", "Run"}) {
    bool is_first = true;
    for (const Flag& flag : flags) {
      if (flag.group != group) continue;
      if (is_first) text += fmt::format("{}:\n", group);
      is_first = false;
      text += fmt::format("  {:<{}} {}\n", left_side(flag), kHelpColumn, flag.help);
    }
  }
  return text + std::string(notes_of(command.name));
}

}  // namespace soragen::cli
