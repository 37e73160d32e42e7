// The record of its making that a film carries: in its credentials, or else in its container's metadata.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "core/json.h"
#include "provenance/credentials/reader.h"

namespace soragen::cli {

struct FilmRecord {
  std::optional<Json> record;  // nothing where the film has none
  provenance::Credentials credentials;
};

// metadata: the container's. Throws Error{input} if what stands there under kRecordKey is no record.
FilmRecord read_film_record(const std::filesystem::path& film, const std::map<std::string, std::string>& metadata);

}  // namespace soragen::cli
