#include "weights/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>

#include "core/fail.h"
#include "core/json.h"
#include "core/part_file.h"

namespace soragen::weights {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian and is mapped as it is");

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the reference implementation
constexpr size_t kMaxRank = 8;

DType parse_dtype(const std::string& name, const std::string& where) {
  for (int i = 0; i <= static_cast<int>(DType::boolean); ++i)
    if (to_string(static_cast<DType>(i)) == name) return static_cast<DType>(i);
  fail(ErrorKind::unsupported,
       "{}: dtype {} is not supported; soragen reads F64 F32 F16 BF16 F8_E4M3 F8_E5M2 and integers", where, name);
}

// Bytes that a shape needs, or Error on overflow.
uint64_t byte_count(const std::vector<int64_t>& shape, DType dtype, const std::string& where) {
  uint64_t count = size_of(dtype);
  for (const int64_t extent : shape)
    if (__builtin_mul_overflow(count, static_cast<uint64_t>(extent), &count))
      fail(ErrorKind::input, "{}: shape {} is too large to exist", where, to_string(shape));
  return count;
}

TensorView parse_entry(const Json& entry, const std::string& where, std::span<const std::byte> data) {
  const JsonObject object(entry, where);
  TensorView view;
  view.dtype = parse_dtype(object.string("dtype"), where);
  view.shape = object.integers("shape", 0, std::numeric_limits<int64_t>::max());
  if (view.shape.size() > kMaxRank)
    fail(ErrorKind::input, "{}: rank {} is above {}", where, view.shape.size(), kMaxRank);
  const auto offsets = object.integers("data_offsets", 0, std::numeric_limits<int64_t>::max());
  if (offsets.size() != 2 || offsets[1] < offsets[0])
    fail(ErrorKind::input, "{}: data_offsets must be [begin, end] with begin <= end", where);
  const auto begin = static_cast<uint64_t>(offsets[0]), end = static_cast<uint64_t>(offsets[1]);
  if (end > data.size())
    fail(ErrorKind::input, "{}: data ends at byte {} but the file holds {}; an incomplete download?", where, end,
         data.size());
  if (const uint64_t needed = byte_count(view.shape, view.dtype, where); needed != end - begin)
    fail(ErrorKind::input, "{}: {} of shape {} needs {} bytes, data_offsets give {}", where, to_string(view.dtype),
         to_string(view.shape), needed, end - begin);
  view.bytes = data.subspan(begin, end - begin);
  return view;
}

void check_tiling(const Safetensors& contents, std::span<const std::byte> data, const std::string& what) {
  std::vector<std::pair<const std::byte*, const std::byte*>> ranges;
  for (const auto& [name, view] : contents.tensors)
    ranges.emplace_back(view.bytes.data(), view.bytes.data() + view.bytes.size());
  std::sort(ranges.begin(), ranges.end());
  const std::byte* expected = data.data();
  for (const auto& [begin, end] : ranges) {
    if (begin != expected)
      fail(ErrorKind::input, "{}: tensors overlap or leave a hole at data byte {}", what,
           std::min(begin, expected) - data.data());
    expected = end;
  }
  if (expected != data.data() + data.size())
    fail(ErrorKind::input, "{}: {} bytes follow the last tensor", what, data.data() + data.size() - expected);
}

}  // namespace

std::string to_string(const std::vector<int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

Safetensors parse_safetensors(std::span<const std::byte> bytes, const std::string& what,
                              std::shared_ptr<const MappedFile> file) {
  uint64_t header_bytes = 0;
  if (bytes.size() < sizeof header_bytes)
    fail(ErrorKind::input, "{}: {} bytes is too short for safetensors", what, bytes.size());
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - sizeof header_bytes)
    fail(ErrorKind::input, "{}: header of {} bytes in a file of {}; not safetensors, or an incomplete download", what,
         header_bytes, bytes.size());
  const auto header = bytes.subspan(sizeof header_bytes, header_bytes);
  const auto data = bytes.subspan(sizeof header_bytes + header_bytes);

  const Json json = parse_json({reinterpret_cast<const char*>(header.data()), header.size()}, what + " (header)");
  if (!json.is_object()) fail(ErrorKind::input, "{}: the header is not a JSON object", what);
  Safetensors contents;
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__") {
      const JsonObject metadata(entry, what + " (__metadata__)");
      for (const auto& [key, value] : entry.items()) contents.metadata[key] = metadata.string(key);
      continue;
    }
    TensorView view = parse_entry(entry, fmt::format("{}: tensor {}", what, name), data);
    view.file = file;
    contents.tensors.emplace(name, std::move(view));
  }
  check_tiling(contents, data, what);
  return contents;
}

Safetensors read_safetensors(const std::filesystem::path& path) {
  auto file = std::make_shared<const MappedFile>(path);
  return parse_safetensors(file->bytes(), path.string(), file);
}

void write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    SORAGEN_ASSERT(byte_count(tensor.shape, tensor.dtype, tensor.name) == tensor.bytes.size());
    header[tensor.name] = {{"dtype", to_string(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the reference pads with spaces to keep the data aligned
  const uint64_t header_bytes = text.size();

  PartFile part(path);
  std::ofstream out(part.path(), std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  for (const TensorToWrite& tensor : tensors)
    out.write(reinterpret_cast<const char*>(tensor.bytes.data()), static_cast<std::streamsize>(tensor.bytes.size()));
  out.close();
  if (!out) fail(ErrorKind::resource, "cannot write {}: {}", path.string(), std::strerror(errno));
  part.commit();
}

}  // namespace soragen::weights
