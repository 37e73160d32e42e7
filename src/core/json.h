// Reading JSON that somebody else wrote: configs, requests, records, safetensors headers.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace soragen {

using Json = nlohmann::json;

// Throws Error{input} "<what>: ..." on malformed text, invalid UTF-8, a duplicate key, or nesting
// deeper than 64 (nlohmann/json keeps the last duplicate and recurses without a limit). Python's NaN and
// Infinity are read as null.
Json parse_json(std::string_view text, const std::string& what);
Json read_json_file(const std::filesystem::path& path);  // at most 64 MiB: no config is larger

// Typed access with the reader's point of view: a wrong type is Error{input} naming where, key,
// what was found and what is expected. `optional_*` also treat null as absent.
class JsonObject {
 public:
  JsonObject(const Json& object, std::string where);  // Error{input} unless an object

  bool has(const std::string& key) const;  // present and not null
  const Json& at(const std::string& key) const;

  int64_t integer(const std::string& key, int64_t min, int64_t max) const;
  int64_t integer_or(const std::string& key, int64_t fallback, int64_t min, int64_t max) const;
  double number(const std::string& key) const;
  double number_or(const std::string& key, double fallback) const;
  bool boolean_or(const std::string& key, bool fallback) const;
  std::string string(const std::string& key) const;
  std::string string_or(const std::string& key, const std::string& fallback) const;
  std::vector<int64_t> integers(const std::string& key, int64_t min, int64_t max) const;
  std::vector<double> numbers(const std::string& key) const;
  std::vector<bool> booleans(const std::string& key) const;

  const std::string& where() const { return where_; }
  const Json& json() const { return object_; }

 private:
  [[noreturn]] void wrong(const std::string& key, const Json& found, std::string_view expected) const;
  const Json& object_;
  std::string where_;
};

}  // namespace soragen
