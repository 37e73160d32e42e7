// The table of request options. Each is declared once, here, and serves the command line, --help, shell
// completion, JSONL keys, a model directory's soragen.json, official profiles, presets and the record.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/json.h"
#include "soragen/request.h"

namespace soragen::pipeline {

enum class OptionGroup { film, output, computing };

struct Option {
  std::string_view name;        // "guidance-2" on the command line, "guidance_2" or "guidance-2" in JSON
  std::string_view value_name;  // "WxH", "N", "TEXT"; shown in help
  std::string_view help;        // one line, with the default
  OptionGroup group;
  bool on_command_line;                       // profiles know a few more
  std::span<const std::string_view> choices;  // closed sets, for help and completion

  // Text from a command line, or a JSON value. Throws Error{usage} naming the option, what was found and
  // what is valid.
  void (*set)(Request&, const Option&, const Json& value);
  Json (*get)(const Request&);  // null when unset
};

std::span<const Option> options();
const Option& option_named(std::string_view name);  // Error{usage} with the nearest name; takes - and _ alike

void set_option(Request& request, std::string_view name, const Json& value);

// A JSON object of options ("where" names the file and line in errors).
Request parse_request(const Json& object, const std::string& where);
Json to_json(const Request& request);

}  // namespace soragen::pipeline
