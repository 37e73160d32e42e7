#include "cli/film_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "cli/film.h"
#include "provenance/verify.h"

namespace soragen::cli {
namespace {

// Matroska writes every key in capitals.
bool is_record_key(std::string key) {
  std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
  return key == kRecordKey;
}

}  // namespace

FilmRecord read_film_record(const std::filesystem::path& film, const std::map<std::string, std::string>& metadata) {
  FilmRecord found{.credentials = provenance::find_credentials(film, "")};
  if (!found.credentials.record.is_null()) {
    found.record = found.credentials.record;
    return found;
  }
  for (const auto& [key, text] : metadata)
    if (is_record_key(key)) found.record = parse_json(text, fmt::format("{} ({})", film.string(), kRecordKey));
  return found;
}

}  // namespace soragen::cli
