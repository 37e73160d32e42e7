// Settings that come with a model: the official profile that its configs match, its own soragen.json, and
// presets by name. configs/ is compiled in.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "families/family.h"
#include "soragen/request.h"

namespace soragen::pipeline {

struct Profile {
  std::string name;  // "" when no official profile matches
  Request defaults;
};

// The profile whose every condition holds for spec.facts; of several, the one with most conditions.
Profile profile_for(const families::ModelSpec& spec);

// defaults of <directory>/soragen.json; empty when there is none.
Request directory_defaults(const families::ModelSpec& spec);

Request preset_named(const std::string& name);
std::vector<std::string> preset_names();

// Built-in < profile < soragen.json < preset < request.
struct Resolved {
  Request request;
  std::string profile;
};
Resolved resolve(const Request& request, const families::ModelSpec& spec);

}  // namespace soragen::pipeline
