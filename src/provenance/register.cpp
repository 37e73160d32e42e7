#include "provenance/register.h"

#include <ctime>
#include <fstream>

#include "core/fail.h"
#include "core/folders.h"
#include "core/json.h"
#include "core/mapped_file.h"
#include "core/part_file.h"

namespace soragen::provenance {
namespace fs = std::filesystem;

namespace {

fs::path entry_path(const std::string& watermark, const char* extension) {
  SORAGEN_ASSERT(!watermark.empty() && watermark.find_first_not_of("0123456789abcdef") == std::string::npos);
  return data_folder() / "register" / (watermark + extension);
}

std::optional<fs::path> existing_entry(const std::string& watermark) {
  try {
    const fs::path path = entry_path(watermark, ".c2pa");
    std::error_code ignored;
    return fs::exists(path, ignored) ? std::optional(path) : std::nullopt;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::internal) throw;
    return std::nullopt;  // a user without folders has no register
  }
}

void write_whole(const fs::path& path, std::string_view text) {
  PartFile part(path);
  std::ofstream file(part.path(), std::ios::binary);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file) fail(ErrorKind::resource, "cannot write {}", path.string());
  part.commit();
}

}  // namespace

void enter_in_register(const std::string& watermark, std::span<const std::byte> manifest, const std::string& title,
                       const std::string& media_type) {
  const fs::path path = entry_path(watermark, ".c2pa");
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) fail(ErrorKind::input, "cannot create {}: {}", path.parent_path().string(), error.message());
  const Json description = {{"title", title}, {"media_type", media_type}, {"signed", std::time(nullptr)}};
  write_whole(path, {reinterpret_cast<const char*>(manifest.data()), manifest.size()});
  write_whole(entry_path(watermark, ".json"), description.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::optional<RegisterEntry> find_in_register(const std::string& watermark) {
  const std::optional<fs::path> path = existing_entry(watermark);
  if (!path) return std::nullopt;
  const MappedFile file(*path);
  return RegisterEntry{*path, {file.bytes().begin(), file.bytes().end()}};
}

}  // namespace soragen::provenance
