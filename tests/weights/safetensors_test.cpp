#include "weights/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::weights {
namespace {

using test::TempDir;

std::string file_of(const std::string& header, const std::string& data = "") {
  const uint64_t size = header.size();
  std::string bytes(reinterpret_cast<const char*>(&size), sizeof size);
  return bytes + header + data;
}

// Read from memory: what a file of these bytes would give.
Safetensors parse(const std::string& bytes) { return parse_safetensors(std::as_bytes(std::span(bytes)), "test"); }

const std::string kTwoFloats = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

TEST(Safetensors, WrittenFilesReadBackTheSame) {
  const TempDir dir;
  const float values[] = {1.5f, -2.0f, 3.25f};
  const auto bytes = std::as_bytes(std::span(values));
  write_safetensors(dir / "a.safetensors", {{"x", DType::f32, {3, 1}, bytes}, {"empty", DType::bf16, {0, 4}, {}}},
                    {{"key", "va\"lue"}});
  const Safetensors read = read_safetensors(dir / "a.safetensors");
  ASSERT_EQ(read.tensors.size(), 2u);
  EXPECT_EQ(read.tensors.at("x").shape, (std::vector<int64_t>{3, 1}));
  EXPECT_EQ(std::memcmp(read.tensors.at("x").bytes.data(), values, sizeof values), 0);
  EXPECT_EQ(read.tensors.at("empty").bytes.size(), 0u);
  EXPECT_EQ(read.metadata.at("key"), "va\"lue");
  EXPECT_FALSE(std::filesystem::exists(dir / "a.safetensors.part"));
}

TEST(Safetensors, ScalarsAndTrailingSpacesAreLegal) {
  const Safetensors read =
      parse(file_of(R"({"s":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}   )", std::string(8, '\1')));
  EXPECT_TRUE(read.tensors.at("s").shape.empty());
}

TEST(Safetensors, TruncatedAndLyingHeadersAreRefused) {
  EXPECT_ERROR(parse(""), ErrorKind::input, "too short");
  EXPECT_ERROR(parse("1234567"), ErrorKind::input, "too short");
  EXPECT_ERROR(parse(file_of(kTwoFloats).substr(0, 20)), ErrorKind::input, "incomplete download");
  const uint64_t huge = std::numeric_limits<uint64_t>::max();
  EXPECT_ERROR(parse(std::string(reinterpret_cast<const char*>(&huge), 8) + "{}"), ErrorKind::input,
               "header of 18446744073709551615 bytes");
  EXPECT_ERROR(parse(file_of(kTwoFloats, "1234")), ErrorKind::input, "incomplete download");
  EXPECT_ERROR(parse(file_of(kTwoFloats, "123456789")), ErrorKind::input, "1 bytes follow the last tensor");
}

TEST(Safetensors, WrongJsonIsRefused) {
  EXPECT_ERROR(parse(file_of("[]")), ErrorKind::input, "not a JSON object");
  EXPECT_ERROR(parse(file_of("{")), ErrorKind::input, "not valid JSON");
  EXPECT_ERROR(parse(file_of("{\"a\xff\":1}")), ErrorKind::input, "not valid JSON");
  EXPECT_ERROR(parse(file_of(R"({"a":1})")), ErrorKind::input, "tensor a");
  EXPECT_ERROR(parse(file_of(R"({"__metadata__":{"k":1}})")), ErrorKind::input, "expected a string");
  EXPECT_ERROR(
      parse(file_of(
          R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})")),
      ErrorKind::input, "occurs twice");
  EXPECT_ERROR(parse(file_of("{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}")), ErrorKind::input,
               "nested deeper");
}

TEST(Safetensors, WrongTensorsAreRefused) {
  const auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return file_of("{\"a\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}",
                   std::string(8, 'x'));
  };
  EXPECT_ERROR(parse(entry("F4", "[2]", "[0,8]")), ErrorKind::unsupported, "dtype F4");
  EXPECT_ERROR(parse(entry("F32", "[3]", "[0,8]")), ErrorKind::input, "needs 12 bytes");
  EXPECT_ERROR(parse(entry("F32", "[-2]", "[0,8]")), ErrorKind::input, "shape");
  EXPECT_ERROR(parse(entry("F32", "[2.5]", "[0,8]")), ErrorKind::input, "shape");
  EXPECT_ERROR(parse(entry("F32", "[4611686018427387904,4611686018427387904]", "[0,8]")), ErrorKind::input,
               "too large to exist");
  EXPECT_ERROR(parse(entry("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]")), ErrorKind::input, "rank 9");
  EXPECT_ERROR(parse(entry("F32", "[2]", "[8,0]")), ErrorKind::input, "begin <= end");
  EXPECT_ERROR(parse(entry("F32", "[2]", "[0,8,9]")), ErrorKind::input, "data_offsets");
  EXPECT_ERROR(parse(entry("F32", "[1]", "[4,8]")), ErrorKind::input, "hole");
}

TEST(Safetensors, OverlapIsRefused) {
  EXPECT_ERROR(
      parse(file_of(
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
          std::string(12, 'x'))),
      ErrorKind::input, "overlap");
}

TEST(Safetensors, MissingFilesAndFoldersAreRefused) {
  const TempDir dir;
  EXPECT_ERROR(read_safetensors(dir / "none.safetensors"), ErrorKind::input, "cannot open");
  EXPECT_ERROR(read_safetensors(dir.path()), ErrorKind::input, "not a regular file");
  EXPECT_ERROR(write_safetensors(dir / "no/such/folder.safetensors", {}, {}), ErrorKind::input, "cannot write");
}

}  // namespace
}  // namespace soragen::weights
