// The specification of the CUDA attention kernels (kernels/attention) against ATen in float64.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/attention/attention.h"

namespace soragen::kernels {
namespace {

Strides strides(const at::Tensor& x) { return {.batch = x.stride(0), .token = x.stride(1), .head = x.stride(2)}; }

void expect_aten(int64_t queries, int64_t keys, int64_t head_dim, at::ScalarType type, bool biased) {
  SCOPED_TRACE(testing::Message() << queries << " queries, " << keys << " keys, D " << head_dim << " " << type
                                  << " biased " << biased);
  const int64_t batch = 2, heads = 3;
  // Views of one product, as in a transformer block.
  const at::Tensor q = at::randn({batch, queries, 3, heads, head_dim}, type).select(2, 0);
  const at::Tensor kv = at::randn({batch, keys, 3, heads, head_dim}, type);
  const at::Tensor k = kv.select(2, 1), v = kv.select(2, 2);
  const at::Tensor bias = at::randn({keys});
  const at::Tensor out = at::empty({batch, queries, heads, head_dim}, type), lse = at::empty({batch, heads, queries});
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  attention_ref({.query = q.const_data_ptr(),
                 .key = k.const_data_ptr(),
                 .value = v.const_data_ptr(),
                 .out = out.data_ptr(),
                 .query_strides = strides(q),
                 .key_strides = strides(k),
                 .value_strides = strides(v),
                 .out_strides = strides(out),
                 .key_bias = biased ? bias.const_data_ptr<float>() : nullptr,
                 .log_sum_exp = lse.data_ptr<float>(),
                 .batch = static_cast<int>(batch),
                 .heads = static_cast<int>(heads),
                 .queries = static_cast<int>(queries),
                 .keys = static_cast<int>(keys),
                 .head_dim = static_cast<int>(head_dim),
                 .element = type == at::kHalf ? Element::half : Element::bf16,
                 .scale = scale});
  const auto heads_first = [](const at::Tensor& x) { return x.transpose(1, 2).to(at::kDouble); };
  at::Tensor scores = at::matmul(heads_first(q), heads_first(k).transpose(2, 3)) * static_cast<double>(scale);
  std::optional<at::Tensor> mask;
  if (biased) {
    mask = bias.to(at::kDouble).expand({batch, heads, queries, keys});
    scores = scores + *mask;
  }
  const at::Tensor expected = at::scaled_dot_product_attention(heads_first(q), heads_first(k), heads_first(v), mask,
                                                               0.0, false, static_cast<double>(scale))
                                  .transpose(1, 2);
  // Only the result is rounded: half a last place.
  const double unit = type == at::kHalf ? 0x1p-11 : 0x1p-8;
  EXPECT_TRUE(((out.to(at::kDouble) - expected).abs() <= expected.abs() * unit + 0x1p-24).all().item<bool>());
  EXPECT_TRUE(lse.to(at::kDouble).allclose(at::logsumexp(scores, {-1}), 0x1p-22, 0x1p-22));
}

TEST(AttentionReference, EqualsAten) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf})
    for (const bool biased : {false, true})
      for (const auto& [queries, keys, head_dim] :
           std::vector<std::tuple<int64_t, int64_t, int64_t>>{{1, 1, 64}, {5, 33, 64}, {17, 8, 128}})
        expect_aten(queries, keys, head_dim, type, biased);
}

}  // namespace
}  // namespace soragen::kernels
