#include "weights/store.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "weights/scope.h"

namespace soragen::weights {
namespace {

using test::TempDir;

const std::vector<std::string> kStems = {"diffusion_pytorch_model", "model"};

void write(const std::filesystem::path& path, const std::vector<std::string>& names) {
  static const float values[2] = {1, 2};
  std::vector<TensorToWrite> tensors;
  for (const std::string& name : names) tensors.push_back({name, DType::f32, {2}, std::as_bytes(std::span(values))});
  write_safetensors(path, tensors, {});
}

TEST(WeightStore, OpensASingleFileOrItsShards) {
  const TempDir dir;
  write(dir / "model.safetensors", {"a"});
  EXPECT_TRUE(WeightStore(dir.path(), kStems).has("a"));

  const TempDir sharded;
  write(sharded / "model-1.safetensors", {"a"});
  write(sharded / "model-2.safetensors", {"b"});
  sharded.write("model.safetensors.index.json",
                R"({"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}})");
  const WeightStore store(sharded.path(), kStems);
  EXPECT_TRUE(store.has("a") && store.has("b"));
  EXPECT_EQ(store.byte_size(), 16u);
}

TEST(WeightStore, RefusesIndexesThatLie) {
  const auto open = [](const std::string& index) {
    const TempDir dir;
    write(dir / "shard.safetensors", {"a"});
    write(dir / "other.safetensors", {"a"});
    dir.write("model.safetensors.index.json", index);
    WeightStore(dir.path(), kStems);
  };
  EXPECT_ERROR(open(R"({"weight_map":{"a":"../shard.safetensors"}})"), ErrorKind::input, "not a plain file name");
  EXPECT_ERROR(open(R"({"weight_map":{"a":"/etc/passwd"}})"), ErrorKind::input, "not a plain file name");
  EXPECT_ERROR(open(R"({"weight_map":{"a":".."}})"), ErrorKind::input, "not a plain file name");
  EXPECT_ERROR(open(R"({"weight_map":{"b":"shard.safetensors"}})"), ErrorKind::input,
               "tensor b is not in shard.safetensors");
  EXPECT_ERROR(open(R"({"weight_map":{"a":"gone.safetensors"}})"), ErrorKind::input, "cannot open");
  EXPECT_ERROR(open(R"({"weight_map":{"a":1}})"), ErrorKind::input, "expected a string");
  EXPECT_ERROR(open(R"({})"), ErrorKind::input, "weight_map");
  EXPECT_ERROR(WeightStore(TempDir().path(), kStems), ErrorKind::input, "no weights in");
}

TEST(WeightStore, ListsMissingAndUnusedTogether) {
  const TempDir dir;
  write(dir / "model.safetensors", {"block.0.weight", "encoder.skip", "left_over"});
  WeightStore store(dir.path(), kStems);
  store.ignore_prefix("encoder.");
  const Scope scope = Scope(store) / "block" / 0;
  EXPECT_EQ(scope.tensor("weight", {2}).bytes.size(), 8u);
  EXPECT_EQ(scope.tensor("bias", {2}).file, nullptr);  // missing: noted, not thrown
  EXPECT_ERROR(store.check_all_used(), ErrorKind::input, "1 missing (block.0.bias); 1 not used (left_over)");
}

TEST(WeightStore, NamesBothShapesWhenTheyDiffer) {
  const TempDir dir;
  write(dir / "model.safetensors", {"w"});
  const WeightStore store(dir.path(), kStems);
  EXPECT_ERROR(Scope(store).tensor("w", {3, 1}), ErrorKind::input, "has shape [2], its config asks for [3, 1]");
}

}  // namespace
}  // namespace soragen::weights
