// The table of model families.
#pragma once

#include <filesystem>
#include <span>

#include "families/family.h"

namespace soragen::families {

std::span<const Family* const> registry();

// The row that opens a directory, by model_index.json. Error{input} when it is not a model directory,
// Error{unsupported} with what would be valid when no family knows it.
const Family& family_of(const std::filesystem::path& directory, std::string& pipeline_class);
const Family& family_named(std::string_view name);

ModelSpec read_model(const std::filesystem::path& directory);

}  // namespace soragen::families
