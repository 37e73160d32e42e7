#include "cli/arguments.h"

#include <algorithm>
#include <set>

#include "core/fail.h"
#include "core/spelling.h"

namespace soragen::cli {
namespace {

class Parser {
 public:
  Parser(const Command& command, std::span<const std::string> words)
      : command_(command), flags_(flags_of(command)), words_(words) {}

  Invocation parse() {
    while (!words_.empty() && !invocation_.help) {
      const std::string word = take();
      if (word == "--") {
        while (!words_.empty()) take_operand(take());
      } else if (word.starts_with("--")) {
        take_long(word.substr(2));
      } else if (word.starts_with("-") && word.size() > 1) {
        take_short(word.substr(1));
      } else {
        take_operand(word);
      }
    }
    if (!invocation_.help && invocation_.operands.empty() && !command_.operand.empty())
      fail(ErrorKind::usage, "{} needs {}: soragen {} {}", command_.name, command_.operand, command_.name,
           command_.synopsis);
    return std::move(invocation_);
  }

 private:
  std::string take() {
    std::string word = words_.front();
    words_ = words_.subspan(1);
    return word;
  }

  const Flag* find_long(std::string_view name) const {
    const auto found = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) { return flag.name == name; });
    return found == flags_.end() ? nullptr : &*found;
  }

  const Flag* find_short(char name) const {
    const auto found =
        std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) { return flag.short_name == name; });
    return found == flags_.end() ? nullptr : &*found;
  }

  bool is_flag(const std::string& word) const {
    if (word.starts_with("--")) return find_long(word.substr(2, word.find('=') - 2)) != nullptr;
    return word.size() == 2 && word[0] == '-' && find_short(word[1]) != nullptr;
  }

  void take_long(const std::string& word) {
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const Flag* flag = find_long(name);
    if (flag == nullptr) fail_unknown(name);
    const bool is_switch = flag->value_name.empty();
    if (is_switch && equals != std::string::npos)
      fail(ErrorKind::usage, "--{} takes no value, found '{}'", name, word.substr(equals + 1));
    if (is_switch) return set(*flag, "");
    set(*flag, equals == std::string::npos ? take_value("--" + name, *flag) : word.substr(equals + 1));
  }

  void take_short(const std::string& letters) {
    for (size_t i = 0; i < letters.size(); ++i) {
      const Flag* flag = find_short(letters[i]);
      if (flag == nullptr)
        fail(ErrorKind::usage, "unknown flag -{}; 'soragen {} --help' lists all", letters.substr(i, 1), command_.name);
      if (!flag->value_name.empty()) {
        const std::string rest = letters.substr(i + 1);
        return set(*flag, rest.empty() ? take_value("-" + letters.substr(i, 1), *flag) : rest);
      }
      set(*flag, "");
    }
  }

  std::string take_value(const std::string& flag_as_typed, const Flag& flag) {
    if (words_.empty())
      fail(ErrorKind::usage, "{} needs a value: {} {}", flag_as_typed, flag_as_typed, flag.value_name);
    if (is_flag(words_.front()))
      fail(ErrorKind::usage, "{} needs a value, found the flag {}; --{}={} means that text itself", flag_as_typed,
           words_.front(), flag.name, words_.front());
    return take();
  }

  void take_operand(const std::string& word) {
    if (command_.operand.empty())
      fail(ErrorKind::usage, "unexpected argument '{}'; text of several words needs quotes: --prompt \"a red ball\"",
           word);
    if (!invocation_.operands.empty())
      fail(ErrorKind::usage, "unexpected argument '{}'; {} takes one {}, which is '{}'", word, command_.name,
           command_.operand, invocation_.operands.front());
    invocation_.operands.push_back(word);
  }

  void set(const Flag& flag, const std::string& value) {
    if (!given_.insert(flag.name).second && !flag.value_name.empty())
      fail(ErrorKind::usage, "--{} is given twice", flag.name);
    flag.set(invocation_, value);
  }

  [[noreturn]] void fail_unknown(const std::string& name) const {
    for (const Command& other : commands())
      for (const Flag& flag : flags_of(other))
        if (flag.name == name)
          fail(ErrorKind::usage, "{} has no flag --{}; it belongs to 'soragen {}'", command_.name, name, other.name);
    std::vector<std::string> names;
    for (const Flag& flag : flags_) names.push_back(flag.name);
    const std::string nearest = nearest_word(name, names);
    fail(ErrorKind::usage, "unknown flag --{}{}; 'soragen {} --help' lists all", name,
         nearest.empty() ? "" : " (did you mean --" + nearest + "?)", command_.name);
  }

  const Command& command_;
  std::vector<Flag> flags_;
  std::span<const std::string> words_;
  Invocation invocation_;
  std::set<std::string> given_;
};

}  // namespace

Invocation parse_arguments(const Command& command, std::span<const std::string> words) {
  return Parser(command, words).parse();
}

}  // namespace soragen::cli
