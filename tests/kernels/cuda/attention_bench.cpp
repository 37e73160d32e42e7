#include <ATen/ops/_scaled_dot_product_cudnn_attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty_like.h>

#include <exception>

#include "kernels/attention/tiles.h"
#include "tests/kernels/cuda/bench.h"
#include "tests/kernels/cuda/check.h"
#include "tests/kernels/cuda/int8.h"
#include "tests/kernels/cuda/variants.h"

namespace soragen::kernels {
namespace {

constexpr int64_t kTokens[] = {1560, 7800, 32760, 75600}, kHeads[] = {12, 40}, kWidth = 128;

struct Timed {
  std::string name;
  double ms = 0;        // 0: not run
  std::string why_not;  // then
  double share = 1;     // of the products that it computes: block lists
};

Timed timed(const std::string& name, const std::function<void()>& run) {
  try {
    return {.name = name, .ms = milliseconds(run)};
  } catch (const std::exception& error) {
    const std::string text = error.what();
    return {.name = name, .why_not = text.substr(0, text.find('\n'))};
  }
}

// Every form on one shape; queries, keys and values are views of one product.
std::vector<Timed> time_forms(int64_t tokens, int64_t heads) {
  const at::Tensor product = normal({1, tokens, 3, heads, kWidth}, at::kBFloat16);
  const at::Tensor q = product.select(2, 0), k = product.select(2, 1), v = product.select(2, 2);
  const at::Tensor out = at::empty_like(q, at::MemoryFormat::Contiguous);
  const at::Tensor by_head[] = {q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)};
  const Card card = this_card();
  std::vector<Timed> found;
  found.push_back(timed("cuDNN through ATen", [&] {
    at::_scaled_dot_product_cudnn_attention(by_head[0], by_head[1], by_head[2], std::nullopt, false);
  }));
  found.push_back(
      timed("FA2 through ATen", [&] { at::_scaled_dot_product_flash_attention(by_head[0], by_head[1], by_head[2]); }));
  const AttentionParams params = attention_params(q, k, v, out);
  for (const AttentionVariant& variant : kAttentionVariants) {
    if (const Support support = variant.support(params, card); !support)
      found.push_back({.name = variant.name, .why_not = support.why});
    else
      found.push_back(timed(variant.name, [&] { variant.run(params, card, nullptr); }));
  }
  const Int8Numbers q8 = quantised(q), k8 = quantised(k);
  const at::Tensor v16 = v.to(at::kHalf).contiguous(), out16 = at::empty_like(v16);
  const int blocks = blocks_of(static_cast<int>(tokens), kKeyBlock),
            rows = blocks_of(static_cast<int>(tokens), kAttentionQueries);
  const at::Tensor half_of_them =
      (at::arange(blocks / 2, product.options().dtype(at::kInt)) * 2).expand({1, heads, rows, blocks / 2}).contiguous();
  for (const bool is_sparse : {false, true}) {
    const AttentionInt8Params params8 =
        attention_int8_params(q8, k8, v16, out16, {}, is_sparse ? half_of_them : at::Tensor());
    const std::string name = is_sparse ? "attention_int8, half of the blocks" : "attention_int8";
    if (const Support support = attention_int8_support(params8, card); !support)
      found.push_back({.name = name, .why_not = support.why});
    else
      found.push_back(timed(name, [&] { attention_int8(params8, nullptr); }));
    if (is_sparse) found.back().share = static_cast<double>(blocks / 2) / blocks;
  }
  return found;
}

}  // namespace

void bench_attention(std::FILE* table, const Peaks& peaks) {
  std::fprintf(table,
               "Attention, D 128, batch 1, bf16 views of one product; the 8-bit form without its quantisation (a row "
               "of the next table).\n\n| attention | tokens | heads | ms | TFLOP/s | of the product's | speed against "
               "cuDNN | against FA2 |\n|---|---|---|---|---|---|---|---|\n");
  for (const int64_t heads : kHeads)
    for (const int64_t tokens : kTokens) {
      const std::vector<Timed> forms = time_forms(tokens, heads);
      const double work = 4.0 * static_cast<double>(tokens) * static_cast<double>(tokens * heads * kWidth);
      for (const Timed& form : forms) {
        std::fprintf(table, "| %s | %ld | %ld | ", form.name.c_str(), tokens, heads);
        if (form.ms == 0) {
          std::fprintf(table, "not run: %s | | | | |\n", form.why_not.c_str());
          continue;
        }
        const double rate = work * form.share / (form.ms * 1e-3);
        std::fprintf(table, "%.3f | %.0f | %.2f |", form.ms, rate * 1e-12, rate / peaks.gemm);
        for (int peer = 0; peer < 2; ++peer)
          forms[peer].ms == 0 ? std::fprintf(table, " |") : std::fprintf(table, " %.2f |", forms[peer].ms / form.ms);
        std::fprintf(table, "\n");
      }
      std::fflush(table);
    }
}

}  // namespace soragen::kernels
