// What this machine's films were signed with, by watermark: $XDG_DATA_HOME/soragen/register (default ~/.local/share).
// So a film that lost its credentials on the way through other programs can find them again.
//
//   0badcafe.c2pa   the manifest store, as in the film
//   0badcafe.json   {"title", "media_type", "signed"}: for people who look into the folder
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace soragen::provenance {

struct RegisterEntry {
  std::filesystem::path path;  // of the manifest store
  std::vector<std::byte> manifest;
};

// watermark: lower-case hexadecimal digits, as WatermarkClaim::value; anything else is a bug of the caller's.
// Throws Error{input, resource} if the entry cannot be kept.
void enter_in_register(const std::string& watermark, std::span<const std::byte> manifest, const std::string& title,
                       const std::string& media_type);
// Nothing where there is no entry, or no folder that it could be in. Throws Error{input} if it cannot be read.
std::optional<RegisterEntry> find_in_register(const std::string& watermark);

}  // namespace soragen::provenance
