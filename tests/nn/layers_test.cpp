#include "nn/layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::nn {
namespace {

const Target kFloat32{at::kFloat, at::kCPU};

// A store of named tensors, written to disk and opened again.
class Layers : public testing::Test {
 protected:
  c10::InferenceMode inference;
  test::TempDir dir;
  std::unique_ptr<weights::WeightStore> open(const std::vector<std::pair<std::string, at::Tensor>>& tensors) {
    std::vector<weights::TensorToWrite> entries;
    for (const auto& [name, tensor] : tensors) {
      const auto dtype = tensor.scalar_type() == at::kHalf ? weights::DType::f16 : weights::DType::f32;
      entries.push_back({name,
                         dtype,
                         tensor.sizes().vec(),
                         {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
    }
    weights::write_safetensors(dir / "model.safetensors", entries, {});
    return std::make_unique<weights::WeightStore>(dir.path(), std::vector<std::string>{"model"});
  }
};

TEST_F(Layers, TensorsOfTheSameDtypeBorrowTheFile) {
  const at::Tensor x = at::randn({3, 2});
  const auto store = open({{"x", x}});
  const at::Tensor loaded = load(Scope(*store), "x", {3, 2}, kFloat32);
  EXPECT_EQ(loaded.data_ptr(), static_cast<const void*>(store->get("x").bytes.data()));
  EXPECT_TRUE(loaded.equal(x));
}

TEST_F(Layers, HalfOnDiskIsConverted) {
  const at::Tensor x = at::randn({3, 2}).to(at::kHalf);
  const auto store = open({{"x", x}});
  EXPECT_TRUE(load(Scope(*store), "x", {3, 2}, kFloat32).equal(x.to(at::kFloat)));
  EXPECT_TRUE(load(Scope(*store), "x", {3, 2}, {at::kBFloat16, at::kCPU}).equal(x.to(at::kBFloat16)));
}

TEST_F(Layers, TensorsOutliveTheirStore) {
  const at::Tensor x = at::randn({64});
  auto store = open({{"x", x}});
  const at::Tensor loaded = load(Scope(*store), "x", {64}, kFloat32);
  store.reset();
  EXPECT_TRUE(loaded.equal(x));
}

TEST_F(Layers, StackedLinearIsTheSumOfItsParts) {
  const at::Tensor q = at::randn({4, 3}), k = at::randn({4, 3}), bias = at::randn({4}), x = at::randn({5, 3});
  const auto store = open({{"q.weight", q}, {"q.bias", bias}, {"k.weight", k}, {"k.bias", bias}});
  const Scope scope(*store);
  const at::Tensor both = Linear({scope / "q", scope / "k"}, 3, 4, kFloat32).forward(x);
  const at::Tensor expected = at::cat({at::linear(x, q, bias), at::linear(x, k, bias)}, 1);
  EXPECT_LE((both - expected).abs().max().item<double>(), 8 * 0x1p-23 * expected.abs().max().item<double>());
  store->check_all_used();
}

TEST_F(Layers, EmbeddingReadsRowsAndRefusesOthers) {
  const at::Tensor table = at::randn({5, 3});
  const auto store = open({{"shared.weight", table}});
  const Embedding embedding(Scope(*store) / "shared", 5, 3, kFloat32);
  EXPECT_TRUE(embedding.forward({4, 0, 4})[2].equal(table[4]));
  EXPECT_ERROR(embedding.forward({5}), ErrorKind::input, "token id 5 is outside");
  EXPECT_ERROR(embedding.forward({-1}), ErrorKind::input, "token id -1 is outside");
}

}  // namespace
}  // namespace soragen::nn
