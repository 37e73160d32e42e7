// Weights with what LoRA files add to them.
#include "nn/weights.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/temp_dir.h"

namespace soragen::nn {
namespace {

weights::DType dtype_of(const at::Tensor& tensor) {
  if (tensor.scalar_type() == at::kHalf) return weights::DType::f16;
  return tensor.scalar_type() == at::kBFloat16 ? weights::DType::bf16 : weights::DType::f32;
}

// float32 sums of terms whose absolute values add up to `size`.
void expect_rounded(const at::Tensor& actual, const at::Tensor& exact, const at::Tensor& size, int roundings) {
  EXPECT_TRUE(((actual.to(at::kDouble) - exact).abs() <= roundings * 0x1p-24 * size).all().item<bool>());
}

class MergedWeights : public testing::Test {
 protected:
  c10::InferenceMode inference;
  test::TempDir dir;
  std::unique_ptr<weights::WeightStore> store;

  // Written to disk and opened again: "w" is the weight, the rest are parts of its deltas.
  void open(const std::vector<std::pair<std::string, at::Tensor>>& tensors) {
    std::vector<weights::TensorToWrite> entries;
    for (const auto& [name, tensor] : tensors)
      entries.push_back({name,
                         dtype_of(tensor),
                         tensor.sizes().vec(),
                         {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
    weights::write_safetensors(dir / "model.safetensors", entries, {});
    store = std::make_unique<weights::WeightStore>(dir.path(), std::vector<std::string>{"model"});
  }
  void add_pair(double scale, const std::string& up, const std::string& down) {
    store->add("w", {.scale = scale, .up = store->get(up), .down = store->get(down), .full = {}});
  }
  at::Tensor load(at::ScalarType dtype) { return to_tensor(store->get("w"), {dtype, at::kCPU}); }
};

TEST_F(MergedWeights, AreTheSumInFloat32) {
  const at::Tensor w = at::randn({6, 5}).to(at::kHalf), up = at::randn({6, 3}).to(at::kBFloat16),
                   down = at::randn({3, 5}), full = at::randn({6, 5}).to(at::kHalf);
  open({{"w", w}, {"up", up}, {"down", down}, {"full", full}});
  add_pair(0.75, "up", "down");
  store->add("w", {.scale = -2.0, .up = {}, .down = {}, .full = store->get("full")});
  const auto exact = [](const at::Tensor& tensor) { return tensor.to(at::kDouble); };
  const at::Tensor expected = exact(w) + 0.75 * exact(up).matmul(exact(down)) - 2.0 * exact(full);
  const at::Tensor size = exact(w).abs() + 0.75 * exact(up).abs().matmul(exact(down).abs()) + 2.0 * exact(full).abs();
  expect_rounded(load(at::kFloat), expected, size, /*roundings=*/6);
}

// Two times 3/8 of bf16's last place: together they round up, added one by one in bf16 each would be lost.
TEST_F(MergedWeights, AreRoundedOnce) {
  open({{"w", at::full({2, 2}, 1.0, at::kBFloat16)},
        {"up", at::full({2, 1}, 0x1.8p-9)},
        {"down", at::full({1, 2}, 1.0)}});
  add_pair(1.0, "up", "down");
  add_pair(1.0, "up", "down");
  EXPECT_TRUE(load(at::kBFloat16).equal(at::full({2, 2}, 1.0 + 0x1p-7, at::kBFloat16)));
}

TEST_F(MergedWeights, ConvolutionsMultiplyWithTheirKernelsFlattened) {
  const at::Tensor w = at::randn({4, 3, 1, 2, 2}), up = at::randn({4, 2, 1, 1, 1}), down = at::randn({2, 3, 1, 2, 2});
  open({{"w", w}, {"up", up}, {"down", down}});
  add_pair(1.0, "up", "down");
  const at::Tensor loaded = load(at::kFloat), wide = w.to(at::kDouble), kernels = down.to(at::kDouble);
  for (int64_t out = 0; out < 4; ++out) {
    const double first = up[out][0].item<double>(), second = up[out][1].item<double>();
    const at::Tensor size = wide[out].abs() + std::abs(first) * kernels[0].abs() + std::abs(second) * kernels[1].abs();
    expect_rounded(loaded[out], wide[out] + first * kernels[0] + second * kernels[1], size, /*roundings=*/4);
  }
}

TEST_F(MergedWeights, LeaveTheFileAlone) {
  const at::Tensor w = at::randn({2, 2});
  open({{"w", w}, {"full", at::full({2, 2}, 1.0)}});
  store->add("w", {.scale = 1.0, .up = {}, .down = {}, .full = store->get("full")});
  EXPECT_TRUE(load(at::kFloat).equal(load(at::kFloat)));
  EXPECT_TRUE(load(at::kFloat).equal(w + 1.0));
}

}  // namespace
}  // namespace soragen::nn
