// The 8-bit path: rms_rope_int8 against its specification on the host, attention_int8 against double on the
// same 8-bit numbers (ATen's Half attention on them is the measure), dense, with a bias and by block lists.
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include "kernels/attention/tiles.h"
#include "kernels/rms_rope_int8/rms_rope_int8.h"
#include "tests/kernels/cuda/check.h"
#include "tests/kernels/cuda/int8.h"

namespace soragen::kernels {
namespace {

// [L, S] -> which keys each query attends to, by lists [N, query blocks, kept]; [N, L, S] bool
at::Tensor attended(const at::Tensor& blocks, int64_t queries, int64_t keys) {
  const int64_t heads = blocks.size(0), kept_blocks = blocks_of(static_cast<int>(keys), kKeyBlock);
  const at::Tensor kept = at::zeros({heads, blocks.size(1), kept_blocks}, blocks.options().dtype(at::kBool))
                              .scatter(2, blocks.to(at::kLong), true);
  const auto block_of = [&](int64_t count, int64_t size) {
    return at::arange(count, blocks.options().dtype(at::kLong)).floor_divide(size);
  };
  return kept.index_select(1, block_of(queries, kAttentionQueries)).index_select(2, block_of(keys, kKeyBlock));
}

void attention_case(Report& report, int64_t width, int64_t queries, int64_t keys, Fill fill, bool has_bias, int kept) {
  const std::string name = "D " + std::to_string(width) + ", " + std::to_string(queries) + " queries, " +
                           std::to_string(keys) + " keys, " + fill_name(fill) + (has_bias ? ", bias" : "") +
                           (kept ? ", " + std::to_string(kept) + " blocks" : "");
  const int64_t heads = 2;
  const auto input = [&](int64_t tokens) { return filled(fill, {1, tokens, heads, width}, at::kHalf); };
  const Int8Numbers q = quantised(input(queries)), k = quantised(input(keys));
  const at::Tensor v = input(keys), out = at::full({1, queries, heads, width}, NAN, v.options());
  at::Tensor bias, blocks, mask = at::zeros({1, keys}, v.options().dtype(at::kDouble));
  if (has_bias) {
    bias = normal({keys}, at::kHalf).to(at::kFloat);
    if (keys > 8) bias.narrow(0, 3, 5).fill_(-INFINITY);
    mask = bias.to(at::kDouble).unsqueeze(0);
  }
  if (kept) {
    const int64_t rows = blocks_of(static_cast<int>(queries), kAttentionQueries),
                  columns = blocks_of(static_cast<int>(keys), kKeyBlock);
    const at::Tensor order =
        at::rand({1, heads, rows, columns}, v.options().dtype(at::kFloat)).argsort(int64_t{-1}, false);
    blocks = std::get<0>(order.narrow(3, 0, kept).sort(-1)).to(at::kInt).contiguous();
    mask = at::where(attended(blocks[0], queries, keys), mask.unsqueeze(0), -INFINITY);  // [N, L, S]
  }
  const AttentionInt8Params params = attention_int8_params(q, k, v, out, bias, blocks);
  if (!report.takes(name, attention_int8_support(params, this_card()))) return;
  attention_int8(params, nullptr);
  finish(name);

  const auto by_head = [](const at::Tensor& x) { return x.transpose(1, 2); };
  const at::Tensor wide_q = by_head(q.dequantised()), wide_k = by_head(k.dequantised());
  const at::Tensor scores = at::matmul(wide_q, wide_k.transpose(2, 3)) / std::sqrt(static_cast<double>(width)) + mask;
  const at::Tensor exact = by_head(at::matmul(at::softmax(scores, -1), by_head(v).to(at::kDouble)));
  const at::Tensor wide_mask = mask.to(at::kHalf).expand({1, heads, queries, keys}).contiguous();
  const at::Tensor aten = by_head(
      at::scaled_dot_product_attention(wide_q.to(at::kHalf), wide_k.to(at::kHalf), by_head(v).contiguous(), wide_mask));
  report.compare(name, out, aten, exact);
}

// Rows of a product [rows, 3, heads, head_dim] of two batch items; every output beside its specification's.
template <typename T>
struct RopeInt8Case {
  at::Tensor product, weights[2], cos, sin, parts, centre;
  at::Tensor query8, key8, value16, query_scale, key_scale;

  RopeInt8Case(const at::Tensor& source, const std::vector<at::Tensor>& floats_of)
      : product(source), weights{floats_of[0], floats_of[1]}, cos(floats_of[2]), sin(floats_of[3]) {
    const int64_t rows = product.size(0), heads = product.size(2), width = heads * product.size(3);
    const auto made = [&](at::IntArrayRef shape, at::ScalarType type) {
      return at::zeros(shape, product.options().dtype(type));
    };
    parts = made({2, kCentreParts, width}, at::kFloat);
    centre = made({2, width}, at::kFloat);
    query8 = made({rows, width}, at::kChar);
    key8 = made({rows, width}, at::kChar);
    value16 = made({rows, width}, at::kHalf);
    query_scale = made({2, heads, rows / 2}, at::kFloat);
    key_scale = made({2, heads, rows / 2}, at::kFloat);
  }

  RmsRopeArgs<T> part(int64_t i) const {
    const int64_t heads = product.size(2), head_dim = product.size(3);
    return {.x = data<T>(product.select(1, i)),
            .stride = 3 * heads * head_dim,
            .weight = floats(weights[i]),
            .cos = floats(cos),
            .sin = floats(sin),
            .tokens = product.size(0) / 2,
            .heads = heads,
            .head_dim = head_dim,
            .eps = 1e-6f};
  }
  KeyCentreArgs<T> centre_args() const {
    return {.key = part(1), .batch = 2, .parts = data<float>(parts), .centre = data<float>(centre)};
  }
  RmsRopeInt8Args<T> args() const {
    return {.query = part(0),
            .key = part(1),
            .value = data<T>(product.select(1, 2)),
            .centre = floats(centre),
            .query8 = data<int8_t>(query8),
            .key8 = data<int8_t>(key8),
            .value16 = data<Half>(value16),
            .query_scale = data<float>(query_scale),
            .key_scale = data<float>(key_scale),
            .scale_stride = product.size(0) / 2};
  }
};

// Float and double may fall on two sides of a tie between two integers: rare, and one step.
void nearly_equal(Report& report, const std::string& name, const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor difference = (actual.cpu().to(at::kInt) - expected.to(at::kInt)).abs();
  report.within(name + ", steps", difference, at::zeros_like(difference), 1);
  report.within(name + ", share unequal", (difference > 0).to(at::kDouble).mean(),
                at::zeros({}, at::TensorOptions().dtype(at::kDouble)), 1e-3);
}

template <typename T>
void rope_case(Report& report, const std::string& name, const at::Tensor& product) {
  const int64_t rows = product.size(0), heads = product.size(2), head_dim = product.size(3);
  const at::Tensor angles = normal({rows / 2, head_dim / 2});
  const std::vector<at::Tensor> inputs = {normal({heads * head_dim}), normal({heads * head_dim}), angles.cos(),
                                          angles.sin()};
  std::vector<at::Tensor> on_host;
  for (const at::Tensor& input : inputs) on_host.push_back(input.cpu());
  const RopeInt8Case<T> actual(product, inputs);
  const RopeInt8Case<T> expected(product.cpu(), on_host);
  if (!report.takes(name, rms_rope_int8_cuda_support(actual.args()))) return;
  key_centre_cuda(actual.centre_args(), nullptr);
  finish(name);
  key_centre_ref(expected.centre_args());
  const double most = expected.centre.abs().max().template item<double>();
  report.within(name + ", centre", actual.centre.cpu(), expected.centre, 32 * 0x1p-23 * (most + 1));
  expected.centre.copy_(actual.centre);  // what follows starts from the same
  rms_rope_int8_cuda(actual.args(), rows, nullptr);
  finish(name);
  rms_rope_int8_ref(expected.args(), rows);
  report.equal(name + ", values", actual.value16.cpu(), expected.value16);
  for (const auto& [part, a, e] : {std::tuple("query scale", actual.query_scale, expected.query_scale),
                                   std::tuple("key scale", actual.key_scale, expected.key_scale)})
    report.within(name + ", " + part, a.cpu(), e, 32 * 0x1p-23 * (e.abs().max().template item<double>() + 1));
  nearly_equal(report, name + ", queries", actual.query8, expected.query8);
  nearly_equal(report, name + ", keys", actual.key8, expected.key8);
}

}  // namespace

void check_attention_int8(Report& report) {
  for (const int64_t width : {64, 128}) {
    if (report.is_small()) {
      attention_case(report, width, 129, 193, Fill::random, true, 0);
      attention_case(report, width, 129, 193, Fill::random, false, 2);
      continue;
    }
    for (const auto& [queries, keys] :
         std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {9, 31}, {33, 64}, {129, 65}, {257, 201}, {1000, 1560}})
      for (const Fill fill : kFills)
        for (const bool has_bias : {false, true})
          attention_case(report, width, queries, keys, fill, has_bias && keys > 8, 0);
    for (const int kept : {1, 3, 25}) attention_case(report, width, 1000, 1560, Fill::random, false, kept);
  }
}

void check_rms_rope_int8(Report& report) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf})
    for (const auto& [heads, head_dim] : std::vector<std::pair<int64_t, int64_t>>{{12, 128}, {3, 64}, {40, 128}})
      for (const int64_t tokens : {33, 1030}) {
        if (report.is_small() && (heads != 3 || tokens != 33)) continue;
        const std::string name = std::string(type_name(type)) + ", " + std::to_string(heads) + " heads of " +
                                 std::to_string(head_dim) + ", " + std::to_string(tokens) + " tokens";
        const at::Tensor product = normal({2 * tokens, 3, heads, head_dim}, type) * 2;
        if (type == at::kHalf)
          rope_case<Half>(report, name, product);
        else
          rope_case<Bf16>(report, name, product);
      }
}

}  // namespace soragen::kernels
