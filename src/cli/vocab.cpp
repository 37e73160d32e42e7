// soragen vocab: what a small model knows, as it says itself.
#include "cli/commands.h"
#include "cli/model_location.h"
#include "cli/results.h"
#include "core/fail.h"
#include "core/printable.h"
#include "pipeline/generator.h"
#include "pipeline/vocabulary.h"

namespace soragen::cli {
namespace {

constexpr size_t kExamples = 3;

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + printable(value);
  return text;
}

// Examples that show different values of one slot, as far as there are such.
std::vector<std::string> examples_of(const std::vector<std::string>& values, const std::vector<std::string>& examples) {
  std::vector<std::string> shown;
  for (const std::string& value : values)
    for (const std::string& example : examples) {
      const bool is_new = std::find(shown.begin(), shown.end(), example) == shown.end();
      if (!is_new || (" " + example + " ").find(" " + value) == std::string::npos) continue;
      shown.push_back(example);
      break;
    }
  if (shown.size() <= kExamples) return shown;
  // Spread over the slot's values.
  return {shown.front(), shown[shown.size() / 2], shown.back()};
}

std::string describe(const pipeline::Vocabulary& vocabulary) {
  std::string text;
  for (const auto& [slot, values] : vocabulary.slots) {
    text += fmt::format("{}: {}\n", printable(slot), joined(values));
    for (const std::string& example : examples_of(values, vocabulary.examples))
      text += fmt::format("    \"{}\"\n", printable(example));
  }
  return text;
}

}  // namespace

int vocab(const Invocation& invocation) {
  const families::ModelSpec spec = pipeline::open_model(locate_model(invocation.model));
  const std::optional<pipeline::Vocabulary> vocabulary = pipeline::read_vocabulary(spec);
  if (!vocabulary)
    fail(ErrorKind::unsupported, "{} has no vocabulary in its soragen.json: the model names no limits, try any text",
         spec.directory.string());
  if (invocation.json)
    print_json({{"slots", vocabulary->slots}, {"examples", vocabulary->examples}}, 2);
  else
    print_text(describe(*vocabulary));
  return 0;
}

}  // namespace soragen::cli
