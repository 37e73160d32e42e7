#include "core/json.h"

#include <cmath>
#include <set>

#include "core/fail.h"
#include "core/mapped_file.h"

namespace soragen {
namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxFileBytes = size_t{64} << 20;

std::string preview(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

// get<int64_t>() would wrap an unsigned number above INT64_MAX.
bool fits(const Json& value, int64_t min, int64_t max) {
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) return false;
  return value.get<int64_t>() >= min && value.get<int64_t>() <= max;
}

// Python writes numbers that JSON has no word for as NaN, Infinity and -Infinity, and real scheduler
// configs contain them. They become null, which every reader treats as absent.
std::string without_python_numbers(std::string_view text) {
  std::string result;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto skip = [&](std::string_view word) {
      if (in_string || text.substr(i, word.size()) != word) return false;
      result += "null";
      i += word.size() - 1;
      return true;
    };
    if (skip("NaN") || skip("Infinity") || skip("-Infinity")) continue;
    if (text[i] == '"') in_string = !in_string;
    result += text[i];
    if (in_string && text[i] == '\\' && i + 1 < text.size()) result += text[++i];
  }
  return result;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& what) {
  std::vector<std::set<std::string>> keys;  // of every open object
  const auto on_event = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) fail(ErrorKind::input, "{}: JSON nested deeper than {} levels", what, kMaxDepth);
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      fail(ErrorKind::input, "{}: JSON key {} occurs twice", what, preview(parsed));
    return true;
  };
  try {
    return Json::parse(without_python_numbers(text), on_event);
  } catch (const Json::exception& error) {
    fail(ErrorKind::input, "{}: not valid JSON: {}", what, error.what());
  }
}

Json read_json_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  if (bytes.size() > kMaxFileBytes)
    fail(ErrorKind::input, "{}: {} bytes is more than a JSON file may have here ({})", path.string(), bytes.size(),
         kMaxFileBytes);
  return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
}

JsonObject::JsonObject(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object.is_object()) fail(ErrorKind::input, "{}: expected a JSON object, found {}", where_, preview(object));
}

bool JsonObject::has(const std::string& key) const {
  const auto found = object_.find(key);
  return found != object_.end() && !found->is_null();
}

const Json& JsonObject::at(const std::string& key) const {
  if (!has(key)) fail(ErrorKind::input, "{}: key \"{}\" is missing", where_, key);
  return object_.at(key);
}

void JsonObject::wrong(const std::string& key, const Json& found, std::string_view expected) const {
  fail(ErrorKind::input, "{}: key \"{}\" is {}; expected {}", where_, key, preview(found), expected);
}

int64_t JsonObject::integer(const std::string& key, int64_t min, int64_t max) const {
  const Json& value = at(key);
  const std::string expected = fmt::format("an integer from {} to {}", min, max);
  if (!fits(value, min, max)) wrong(key, value, expected);
  return value.get<int64_t>();
}

int64_t JsonObject::integer_or(const std::string& key, int64_t fallback, int64_t min, int64_t max) const {
  return has(key) ? integer(key, min, max) : fallback;
}

double JsonObject::number(const std::string& key) const {
  const Json& value = at(key);
  if (!value.is_number() || !std::isfinite(value.get<double>())) wrong(key, value, "a finite number");
  return value.get<double>();
}

double JsonObject::number_or(const std::string& key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

bool JsonObject::boolean_or(const std::string& key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!at(key).is_boolean()) wrong(key, at(key), "true or false");
  return at(key).get<bool>();
}

std::string JsonObject::string(const std::string& key) const {
  if (!at(key).is_string()) wrong(key, at(key), "a string");
  return at(key).get<std::string>();
}

std::string JsonObject::string_or(const std::string& key, const std::string& fallback) const {
  return has(key) ? string(key) : fallback;
}

std::vector<int64_t> JsonObject::integers(const std::string& key, int64_t min, int64_t max) const {
  const Json& list = at(key);
  const std::string expected = fmt::format("a list of integers from {} to {}", min, max);
  if (!list.is_array()) wrong(key, list, expected);
  std::vector<int64_t> values;
  for (const Json& value : list) {
    if (!fits(value, min, max)) wrong(key, list, expected);
    values.push_back(value.get<int64_t>());
  }
  return values;
}

std::vector<double> JsonObject::numbers(const std::string& key) const {
  const Json& list = at(key);
  if (!list.is_array()) wrong(key, list, "a list of numbers");
  std::vector<double> values;
  for (const Json& value : list) {
    if (!value.is_number() || !std::isfinite(value.get<double>())) wrong(key, list, "a list of finite numbers");
    values.push_back(value.get<double>());
  }
  return values;
}

std::vector<bool> JsonObject::booleans(const std::string& key) const {
  const Json& list = at(key);
  if (!list.is_array()) wrong(key, list, "a list of true and false");
  std::vector<bool> values;
  for (const Json& value : list) {
    if (!value.is_boolean()) wrong(key, list, "a list of true and false");
    values.push_back(value.get<bool>());
  }
  return values;
}

}  // namespace soragen
