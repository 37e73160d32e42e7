#include "pipeline/fingerprint.h"

#include <algorithm>
#include <set>
#include <span>

#include "core/hash.h"
#include "core/mapped_file.h"

namespace soragen::pipeline {
namespace fs = std::filesystem;

namespace {

constexpr size_t kWhole = size_t{1} << 20, kEnd = size_t{64} << 10, kBlock = size_t{4} << 10, kBlocks = 16;

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string samples_of(std::span<const std::byte> bytes) {
  if (bytes.size() <= kWhole) return text_of(bytes);
  std::string samples = text_of(bytes.first(kEnd)) + text_of(bytes.last(kEnd));
  for (size_t i = 1; i <= kBlocks; ++i) samples += text_of(bytes.subspan(bytes.size() / (kBlocks + 1) * i, kBlock));
  return samples;
}

}  // namespace

std::string model_fingerprint(const fs::path& directory) {
  const std::set<std::string> extensions = {".json", ".safetensors", ".model"};
  std::set<std::string> names;  // in order
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory))
    if (entry.is_regular_file() && extensions.contains(entry.path().extension().string()))
      names.insert(fs::relative(entry.path(), directory).generic_string());
  std::string hashes;
  for (const std::string& name : names) {
    const MappedFile file(directory / name);
    hashes += sha256_hex(name + '\0' + std::to_string(file.bytes().size()) + '\0' + samples_of(file.bytes()));
  }
  return "sampled-sha256:" + sha256_hex(std::string_view(hashes));
}

}  // namespace soragen::pipeline
