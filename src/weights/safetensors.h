// safetensors files, read through mmap and trusted in nothing.
//
// Layout (github.com/huggingface/safetensors): u64 little-endian header length N, N bytes of JSON
// {name: {dtype, shape, data_offsets: [begin, end]}, "__metadata__": {string: string}}, then the data.
// Checked before any byte of data is touched: N against the file, every shape product for overflow,
// byte counts against shape and dtype, and that the tensors tile the data exactly: no hole, no
// overlap, nothing after the last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/mapped_file.h"
#include "weights/dtype.h"

namespace soragen::weights {

struct WeightDelta;

// A tensor on disk. `bytes` lives as long as `file`; it may be unaligned for its dtype.
struct TensorView {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> file;
  std::vector<WeightDelta> deltas;  // what LoRA files add to it, see lora.h
};

// One summand of a weight: scale * up x down, or scale * full.
struct WeightDelta {
  double scale = 1.0;
  TensorView up, down;  // [out, r, 1...], [r, in...]
  TensorView full;      // the weight's own shape
  bool is_pair() const { return !down.shape.empty(); }
};

std::string to_string(const std::vector<int64_t>& shape);  // "[320, 64, 1, 2, 2]"

struct Safetensors {
  std::map<std::string, TensorView> tensors;
  std::map<std::string, std::string> metadata;
};

Safetensors read_safetensors(
    const std::filesystem::path& path);  // throws Error{input}, Error{unsupported} for sub-byte dtypes

// The part of reading that needs no file: header checks over bytes already in memory.
Safetensors parse_safetensors(std::span<const std::byte> bytes, const std::string& what,
                              std::shared_ptr<const MappedFile> file = nullptr);

struct TensorToWrite {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};
// Atomic: NAME.part, then renamed. Throws Error{input} (unwritable) or Error{resource} (disk full).
void write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace soragen::weights
