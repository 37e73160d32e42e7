#include "cli/commands.h"

#include <algorithm>
#include <charconv>

#include "core/fail.h"
#include "media/film_format.h"
#include "provenance/credentials/manifest.h"

namespace soragen::cli {
namespace {

using pipeline::OptionGroup;

constexpr int64_t kMaxCount = 1'000'000;

std::vector<std::string> extensions() {
  std::vector<std::string> names;
  for (const media::Container& row : media::containers())
    if (row.extension != "-") names.emplace_back(row.extension.substr(1));
  return names;
}

void set_count(Invocation& invocation, const std::string& text) {
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1 || count > kMaxCount)
    fail(ErrorKind::usage, "--count {} is not valid; use a whole number from 1 to {}", text, kMaxCount);
  invocation.count = count;
}

// Checked here, because no function further down sees the text again.
void check_choice(const Flag& flag, const std::string& value) {
  if (flag.choices.empty() || std::find(flag.choices.begin(), flag.choices.end(), value) != flag.choices.end()) return;
  std::string valid;
  for (const std::string& choice : flag.choices) valid += (valid.empty() ? "" : ", ") + choice;
  fail(ErrorKind::usage, "--{} {} is not valid; use one of {}", flag.name, value, valid);
}

std::vector<Flag> own_flags() {
  return {
      {"output", 'o', "DIR", "folder for the films, created if missing", "Output", {},
       [](Invocation& to, const std::string& value) { to.request.output = value; }},
      {"ext", 0, "EXT", "form of films that name no output [mp4]", "Output", extensions(),
       [](Invocation& to, const std::string& value) { to.extension = value; }},
      {"model", 'm', "DIR", "model directory [$SORAGEN_MODEL, else the installed model]", "Run", {},
       [](Invocation& to, const std::string& value) { to.model = value; }},
      {"count", 'n', "K", "K films, with seeds N to N+K-1, named FILE-SEED [1]", "Run", {}, set_count},
      {"shard", 0, "I/N", "only every N-th film, I from 0 [index of a Slurm or Kubernetes job]", "Run", {},
       [](Invocation& to, const std::string& value) { to.shard = value; }},
      {"resume", 0, "", "skip films that exist, continue from kept latents", "Run", {},
       [](Invocation& to, const std::string&) { to.resume = true; }},
      {"prompt", 'p', "TEXT", "the film's prompt, where it is not in the film", "Film", {},
       [](Invocation& to, const std::string& value) { to.request.prompt = value; }},
      {"negative-prompt", 0, "TEXT", "likewise [the model's own]", "Film", {},
       [](Invocation& to, const std::string& value) { to.request.negative_prompt = value; }},
      {"fps", 0, "RATE", "constant rate of the frames [the film's own]", "Output", {},
       [](Invocation& to, const std::string& value) { pipeline::set_option(to.request, "fps", value); }},
      {"no-audio", 0, "", "leave the sound out", "Output", {},
       [](Invocation& to, const std::string&) { to.no_audio = true; }},
      {"source-type", 0, "TYPE", "how the film was made, in IPTC's words [trainedAlgorithmicMedia]", "Marks",
       {provenance::source_types().begin(), provenance::source_types().end()},
       [](Invocation& to, const std::string& value) { to.source_type = value; }},
      {"no-watermark", 0, "", "leave the frames unmarked", "Marks", {},
       [](Invocation& to, const std::string&) { to.marks.no_watermark = true; }},
      {"no-credentials", 0, "", "do not sign the film", "Marks", {},
       [](Invocation& to, const std::string&) { to.marks.no_credentials = true; }},
      {"include-prompt", 0, "", "put the prompt into the film, not only its hash", "Marks", {},
       [](Invocation& to, const std::string&) { to.marks.include_prompt = true; }},
      {"sign-cert", 0, "PEM", "certificate chain to sign with [this machine's own]", "Marks", {},
       [](Invocation& to, const std::string& value) { to.marks.sign_cert = value; }},
      {"sign-key", 0, "PEM", "its private key, mode 0600", "Marks", {},
       [](Invocation& to, const std::string& value) { to.marks.sign_key = value; }},
      {"tsa", 0, "URL", "time-stamp server, so that signatures outlive the certificate [none]", "Marks", {},
       [](Invocation& to, const std::string& value) { to.marks.tsa = value; }},
      {"watermark-key", 0, "FILE", "secret of a private watermark, mode 0600 [the public one]", "Marks", {},
       [](Invocation& to, const std::string& value) { to.marks.watermark_key = value; }},
      {"name", 0, "NAME", "whom films are signed by [soragen- and eight digits]", "Marks", {},
       [](Invocation& to, const std::string& value) { to.name = value; }},
      {"force", 0, "", "put an identity that is there aside", "Run", {},
       [](Invocation& to, const std::string&) { to.force = true; }},
      {"trust", 0, "PEM", "root certificates whose signatures are trusted [none]", "Run", {},
       [](Invocation& to, const std::string& value) { to.trust = value; }},
      {"no-register", 0, "", "do not look into this machine's register", "Run", {},
       [](Invocation& to, const std::string&) { to.no_register = true; }},
      {"dry-run", 0, "", "only show what would be done, as 'soragen plan'", "Run", {},
       [](Invocation& to, const std::string&) { to.dry_run = true; }},
      {"json", 0, "", "results on stdout as JSON", "Run", {}, [](Invocation& to, const std::string&) { to.json = true; }},
      {"progress", 0, "MODE", "on stderr: auto, bar, json, none [auto: a bar on a terminal]", "Run",
       {"auto", "bar", "json", "none"},
       [](Invocation& to, const std::string& value) { to.progress = value; }},
      {"verbose", 'v', "", "say more", "Run", {}, [](Invocation& to, const std::string&) { to.verbose = true; }},
      {"quiet", 'q', "", "say nothing but errors", "Run", {}, [](Invocation& to, const std::string&) { to.quiet = true; }},
      {"help", 'h', "", "this text", "Run", {}, [](Invocation& to, const std::string&) { to.help = true; }},
  };
}

std::string heading(OptionGroup group) {
  switch (group) {
    case OptionGroup::film: return "Film";
    case OptionGroup::output: return "Output";
    case OptionGroup::computing: return "Computing";
  }
  return "";
}

Flag from_option(const pipeline::Option& option) {
  return {std::string(option.name),
          option.name == "output" ? 'o' : option.name == "prompt" ? 'p' : char{0},
          std::string(option.value_name),
          std::string(option.help),
          heading(option.group),
          {option.choices.begin(), option.choices.end()},
          [&option](Invocation& to, const std::string& value) { pipeline::set_option(to.request, option.name, value); }};
}

template <typename List, typename Value>
bool contains(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// A film's marks, and the flags that follow them in the help.
std::vector<std::string_view> marks_and(std::vector<std::string_view> flags) {
  for (const std::string_view name :
       {"no-watermark", "no-credentials", "sign-cert", "sign-key", "tsa", "watermark-key"})
    flags.push_back(name);
  return flags;
}

}  // namespace

const std::vector<Command>& commands() {
  constexpr auto kFilm = OptionGroup::film, kOutput = OptionGroup::output, kComputing = OptionGroup::computing;
  static const std::vector<Command> table = {
      {.name = "generate", .synopsis = "--prompt TEXT -o FILE [flags]",
       .summary = "a film from a prompt; the default command",
       .options = {kFilm, kOutput, kComputing},
       .flags = marks_and({"include-prompt", "model", "count", "dry-run", "json", "progress", "verbose", "quiet", "help"}),
       .run = generate},
      {.name = "batch", .synopsis = "FILE -o DIR [flags]",
       .summary = "a film a line of FILE (.txt, .jsonl, or - for stdin)",
       .operand = "FILE", .options = {kFilm, kOutput, kComputing}, .without = {"prompt", "save-latents"},
       .flags = marks_and(
           {"output", "ext", "include-prompt", "model", "shard", "resume", "dry-run", "progress", "verbose", "quiet", "help"}),
       .run = batch},
      {.name = "decode", .synopsis = "LATENTS -o FILE [flags]", .summary = "a film from saved latents",
       .operand = "LATENTS", .options = {kOutput, kComputing}, .without = {"save-latents", "weights", "attention"},
       .flags = marks_and({"include-prompt", "model", "json", "progress", "verbose", "quiet", "help"}), .run = decode},
      {.name = "mark", .synopsis = "FILM -o FILE [flags]", .summary = "watermarks and signs a film made elsewhere",
       .operand = "FILM", .options = {kOutput}, .without = {"save-latents"},
       .flags = marks_and({"fps", "no-audio", "source-type", "json", "progress", "verbose", "quiet", "help"}),
       .run = mark},
      {.name = "plan", .synopsis = "[--prompt TEXT] [flags]",
       .summary = "every setting that generate would use, and the memory it needs",
       .options = {kFilm, kOutput, kComputing}, .flags = {"model", "json", "verbose", "quiet", "help"}, .run = plan},
      {.name = "inspect", .synopsis = "PATH [flags]", .summary = "what a model directory, a film or a latent file holds",
       .operand = "PATH", .flags = {"json", "verbose", "quiet", "help"}, .run = inspect},
      {.name = "verify", .synopsis = "FILE [flags]", .summary = "who made a film, is it unchanged, is it marked",
       .operand = "FILE", .flags = {"json", "trust", "no-register", "watermark-key", "verbose", "quiet", "help"},
       .run = verify},
      {.name = "replay", .synopsis = "FILM [flags]", .summary = "makes a film again and compares the frames",
       .operand = "FILM", .options = {kComputing},
       .flags = {"prompt", "negative-prompt", "watermark-key", "model", "json", "progress", "verbose", "quiet", "help"},
       .run = replay},
      {.name = "keygen", .synopsis = "[flags]", .summary = "a new identity to sign films with",
       .flags = {"name", "force", "json", "verbose", "quiet", "help"}, .run = keygen},
      {.name = "vocab", .synopsis = "[flags]", .summary = "what a small model knows, and prompts to try",
       .flags = {"model", "json", "verbose", "quiet", "help"}, .run = vocab},
      {.name = "doctor", .synopsis = "[flags]", .summary = "versions, libraries, processor, self-tests",
       .flags = {"json", "verbose", "quiet", "help"}, .run = doctor},
      {.name = "completion", .synopsis = "SHELL", .summary = "a completion script for bash or zsh", .operand = "SHELL",
       .flags = {"help"}, .operand_choices = {"bash", "zsh"}, .run = completion},
  };
  return table;
}

const Command* find_command(std::string_view name) {
  for (const Command& command : commands())
    if (command.name == name) return &command;
  return nullptr;
}

std::vector<Flag> flags_of(const Command& command) {
  std::vector<Flag> own;
  for (Flag& flag : own_flags())
    if (contains(command.flags, flag.name)) own.push_back(std::move(flag));

  std::vector<Flag> flags;
  for (const pipeline::Option& option : pipeline::options()) {
    const auto is_same = [&](const Flag& flag) { return flag.name == option.name; };
    const bool is_taken = option.on_command_line && contains(command.options, option.group);
    if (is_taken && !contains(command.without, option.name) && std::none_of(own.begin(), own.end(), is_same))
      flags.push_back(from_option(option));
  }
  for (Flag& flag : own) {
    if (!flag.choices.empty())
      flag.set = [flag, set = flag.set](Invocation& to, const std::string& value) {
        check_choice(flag, value);
        set(to, value);
      };
    flags.push_back(std::move(flag));
  }
  return flags;
}

}  // namespace soragen::cli
