#include "ops/key_blocks.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>

#include "kernels/attention/tiles.h"
#include "kernels/attention_int8/attention_int8.h"

namespace soragen::ops {
namespace {

using kernels::kBlockSamples;

constexpr int64_t kQueryStep = kernels::kAttentionQueries / kBlockSamples,
                  kKeyStep = kernels::kKeyBlock / kBlockSamples;

// Every step-th token of a head, as float: numbers [B, samples, D] and their scales [B, samples].
std::pair<at::Tensor, at::Tensor> sampled(const at::Tensor& numbers, const at::Tensor& scale, int64_t heads,
                                          int64_t head, int64_t step) {
  const int64_t tokens = numbers.size(1);
  return {numbers.unflatten(2, {heads, -1}).select(2, head).slice(1, 0, tokens, step).to(at::kFloat),
          scale.select(1, head).slice(1, 0, tokens, step)};
}

// Sums over neighbouring samples of a block, the last of which may be short: [..., samples] -> [..., blocks].
at::Tensor by_block(const at::Tensor& samples) {
  const int64_t missing = (kBlockSamples - samples.size(-1) % kBlockSamples) % kBlockSamples;
  return at::constant_pad_nd(samples, {0, missing}).unflatten(-1, {-1, kBlockSamples}).sum(-1);
}

// A sample stands for the keys up to the next: [samples].
at::Tensor keys_of_samples(int64_t keys, const at::TensorOptions& options) {
  const int64_t samples = (keys + kKeyStep - 1) / kKeyStep;
  at::Tensor counts = at::full({samples}, static_cast<double>(kKeyStep), options);
  counts.slice(0, samples - 1).fill_(static_cast<double>(keys - (samples - 1) * kKeyStep));
  return counts;
}

}  // namespace

at::Tensor choose_key_blocks(const KeyBlockArgs& args) {
  const at::Tensor counts = keys_of_samples(args.key.size(1), args.key_scale.options());
  std::vector<at::Tensor> lists;
  for (int64_t head = 0; head < args.heads; ++head) {  // the samples' weights of all heads would be large
    const auto [query, query_scale] = sampled(args.query, args.query_scale, args.heads, head, kQueryStep);
    const auto [key, key_scale] = sampled(args.key, args.key_scale, args.heads, head, kKeyStep);
    const at::Tensor scores = at::matmul(query, key.transpose(1, 2)) * query_scale.unsqueeze(2) *
                              key_scale.unsqueeze(1) * args.scale;  // [B, query samples, key samples]
    const at::Tensor weights = by_block(scores.softmax(-1) * counts).transpose(1, 2);
    const at::Tensor by_blocks = by_block(weights).transpose(1, 2);  // [B, query blocks, key blocks]
    lists.push_back(std::get<1>(by_blocks.topk(args.kept, -1, true, false)));
  }
  return std::get<0>(at::stack(lists, 1).sort(-1)).to(at::kInt);
}

}  // namespace soragen::ops
