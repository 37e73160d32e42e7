// Exact attention, every variant that the card takes: type x head size x odd lengths x inputs x bias.
#include <ATen/ops/empty.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/where.h>

#include <cmath>

#include "tests/kernels/cuda/check.h"
#include "tests/kernels/cuda/variants.h"

namespace soragen::kernels {
namespace {

struct Shape {
  int64_t queries, keys, batch = 1, heads = 2;
};

struct Exact {
  at::Tensor out, log_sum_exp;  // [B, L, N, D], [B, N, L], double
};

at::Tensor by_head(const at::Tensor& x) { return x.transpose(1, 2); }  // [B, L, N, D] -> [B, N, L, D]

Exact exact_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& bias) {
  const auto wide = [](const at::Tensor& x) { return by_head(x).to(at::kDouble); };
  at::Tensor scores = at::matmul(wide(q), wide(k).transpose(2, 3)) / std::sqrt(static_cast<double>(q.size(3)));
  if (bias.defined()) scores = scores + bias.to(at::kDouble);
  return {by_head(at::matmul(at::softmax(scores, -1), wide(v))), at::logsumexp(scores, -1)};
}

at::Tensor aten_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& bias) {
  std::optional<at::Tensor> mask;
  if (bias.defined())
    mask =
        bias.to(q.scalar_type()).view({1, 1, 1, -1}).expand({q.size(0), q.size(2), q.size(1), k.size(1)}).contiguous();
  return by_head(at::scaled_dot_product_attention(by_head(q), by_head(k), by_head(v), mask));
}

// A float dot product of D terms misses by D units of the product of the norms; so does what is built on it.
double score_bound(const at::Tensor& q, const at::Tensor& k, const at::Tensor& scores_like) {
  const auto longest = [](const at::Tensor& x) { return x.to(at::kDouble).norm(2, -1).max().item<double>(); };
  const double most = longest(q) * longest(k) / std::sqrt(static_cast<double>(q.size(3)));
  const double finite = at::where(scores_like.isinf(), 0.0, scores_like).abs().max().item<double>();
  return ((q.size(3) + 4) * most + k.size(1) + 8 * (finite + 1)) * 0x1p-24 + 0x1p-21;
}

// Queries, keys and values are views of one product, as the model has them.
void check_case(Report& report, const AttentionVariant& variant, const Shape& s, int64_t width, at::ScalarType type,
                Fill fill, bool has_bias) {
  const std::string name = std::string(variant.name) + " " + type_name(type) + " D " + std::to_string(width) + ", " +
                           std::to_string(s.queries) + " queries, " + std::to_string(s.keys) + " keys, " +
                           fill_name(fill) + (has_bias ? ", bias" : "");
  const at::Tensor product = filled(fill, {s.batch, std::max(s.queries, s.keys), 3, s.heads, width}, type);
  const auto part = [&](int64_t i, int64_t tokens) { return product.narrow(1, 0, tokens).select(2, i); };
  const at::Tensor q = part(0, s.queries), k = part(1, s.keys), v = part(2, s.keys);
  at::Tensor bias;
  if (has_bias) {
    bias = normal({s.keys}, at::kBFloat16).to(at::kFloat);  // exact in ATen's mask too
    bias.narrow(0, 0, s.keys / 2).fill_(-INFINITY);         // the first tiles hold no key that counts
  }
  const at::Tensor out = at::full_like(q.contiguous(), NAN);
  const at::Tensor log_sum_exp = at::empty({s.batch, s.heads, s.queries}, product.options().dtype(at::kFloat));
  const AttentionParams params = attention_params(q, k, v, out, bias, log_sum_exp);
  if (!report.takes(name, variant.support(params, this_card()))) return;
  variant.run(params, this_card(), nullptr);
  finish(name);
  const Exact exact = exact_attention(q, k, v, bias);
  report.compare(name, out, aten_attention(q, k, v, bias), exact.out);
  report.within(name + ", log_sum_exp", log_sum_exp, exact.log_sum_exp, score_bound(q, k, exact.log_sum_exp));
}

void check_variant(Report& report, const AttentionVariant& variant) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf})
    for (const int64_t width : {64, 128}) {
      if (report.is_small()) {
        check_case(report, variant, {.queries = 129, .keys = 193, .heads = 1}, width, type, Fill::random, true);
        continue;
      }
      for (const auto& [queries, keys] : std::vector<std::pair<int64_t, int64_t>>{
               {1, 1}, {7, 47}, {33, 48}, {128, 128}, {129, 65}, {257, 193}, {1000, 1560}, {1560, 513}})
        for (const Fill fill : kFills)
          for (const bool has_bias : {false, true})
            check_case(report, variant, {.queries = queries, .keys = keys}, width, type, fill, has_bias);
      check_case(report, variant, {.queries = 77, .keys = 301, .batch = 3, .heads = 5}, width, type, Fill::random,
                 true);
      check_case(report, variant, {.queries = 7800, .keys = 7800}, width, type, Fill::random, false);
    }
}

}  // namespace

void check_attention(Report& report) {
  const Card card = this_card();
  for (const AttentionVariant& variant : kAttentionVariants) {
    const at::Tensor x = normal({1, 128, 1, 128}, at::kBFloat16);
    if (const Support support = variant.support(attention_params(x, x, x, x), card); !support)
      report.leave_out(variant.name, support.why);
    else
      check_variant(report, variant);
  }
}

}  // namespace soragen::kernels
