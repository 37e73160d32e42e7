#include "text/t5.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/log.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <cmath>

#include "core/cancellation.h"
#include "core/fail.h"

namespace soragen::text {
namespace {

// All tensors of the encoder are asked for by name and shape before any is converted: a directory that lacks one is
// refused at once, and a streamed encoder cannot fail half way.
void check_tensors(const weights::WeightStore& store, const std::string& embedding, const T5Config& c) {
  const weights::Scope root(store);
  const int64_t inner = c.num_heads * c.d_kv;
  root.tensor(embedding, {c.vocab_size, c.d_model});
  root.tensor("encoder.final_layer_norm.weight", {c.d_model});
  for (int64_t i = 0; i < c.num_layers; ++i) {
    const weights::Scope block = root / "encoder" / "block" / i / "layer";
    const weights::Scope attention = block / 0 / "SelfAttention", ffn = block / 1 / "DenseReluDense";
    for (const char* name : {"q.weight", "k.weight", "v.weight"}) attention.tensor(name, {inner, c.d_model});
    attention.tensor("o.weight", {c.d_model, inner});
    if (c.bias_in_every_layer || i == 0) {
      attention.tensor("relative_attention_bias.weight", {c.relative_attention_num_buckets, c.num_heads});
    }
    if (c.gated_gelu) ffn.tensor("wi_0.weight", {c.d_ff, c.d_model});
    ffn.tensor(c.gated_gelu ? "wi_1.weight" : "wi.weight", {c.d_ff, c.d_model});
    ffn.tensor("wo.weight", {c.d_model, c.d_ff});
    for (const int64_t layer : {0, 1}) (block / layer).tensor("layer_norm.weight", {c.d_model});
  }
  store.check_all_used();
}

}  // namespace

T5Block::T5Block(const nn::Scope& scope, const T5Config& c, bool has_bias_table, const nn::Target& target)
    : heads(c.num_heads),
      attention_norm(scope / "layer" / 0 / "layer_norm", c.d_model, c.layer_norm_epsilon, target),
      qkv({scope / "layer" / 0 / "SelfAttention" / "q", scope / "layer" / 0 / "SelfAttention" / "k",
           scope / "layer" / 0 / "SelfAttention" / "v"},
          c.d_model, c.num_heads * c.d_kv, target, /*has_bias=*/false),
      attention_out(scope / "layer" / 0 / "SelfAttention" / "o", c.num_heads * c.d_kv, c.d_model, target,
                    /*has_bias=*/false),
      ffn_norm(scope / "layer" / 1 / "layer_norm", c.d_model, c.layer_norm_epsilon, target),
      up(scope / "layer" / 1 / "DenseReluDense" / (c.gated_gelu ? "wi_1" : "wi"), c.d_model, c.d_ff, target,
         /*has_bias=*/false),
      down(scope / "layer" / 1 / "DenseReluDense" / "wo", c.d_ff, c.d_model, target, /*has_bias=*/false) {
  if (c.gated_gelu)
    gate.emplace(scope / "layer" / 1 / "DenseReluDense" / "wi_0", c.d_model, c.d_ff, target, /*has_bias=*/false);
  if (has_bias_table) {
    bias_table = nn::load(scope / "layer" / 0 / "SelfAttention" / "relative_attention_bias", "weight",
                          {c.relative_attention_num_buckets, c.num_heads}, target);
  }
}

at::Tensor T5Block::forward(const at::Tensor& x, const at::Tensor& position_bias) const {
  const int64_t length = x.size(0);
  const at::Tensor projected =
      qkv.forward(attention_norm.forward(x)).view({1, length, 3, heads, -1});  // [1, L, q k v, N, d_kv]
  const auto head_first = [&projected](int64_t part) {
    return projected.select(2, part).transpose(1, 2);
  };  // [1, N, L, d_kv]
  const at::Tensor mixed = at::scaled_dot_product_attention(head_first(0), head_first(1), head_first(2), position_bias,
                                                            /*dropout_p=*/0, /*is_causal=*/false, /*scale=*/1.0);
  const at::Tensor attended = x + attention_out.forward(mixed.transpose(1, 2).reshape({length, -1}));

  const at::Tensor normed = ffn_norm.forward(attended);
  const at::Tensor hidden =
      gate ? gate->forward(normed, ops::Activation::gelu_tanh) * up.forward(normed) : at::relu(up.forward(normed));
  return attended + down.forward(hidden);
}

at::Tensor relative_position_buckets(int64_t length, int64_t num_buckets, int64_t max_distance) {
  const int64_t per_side = num_buckets / 2;
  const int64_t exact = per_side / 2;  // distances below have a bucket of their own
  // In float32 tensors, as the reference: a distance can lie exactly on the border of two buckets.
  const at::Tensor distance = at::arange(length, at::kFloat);
  const double steps = std::log(static_cast<double>(max_distance) / static_cast<double>(exact));
  const at::Tensor far =
      at::clamp_max((at::log(distance / exact) / steps * (per_side - exact)).to(at::kLong) + exact, per_side - 1);
  const auto* far_bucket = far.const_data_ptr<int64_t>();

  at::Tensor buckets = at::empty({length, length}, at::kLong);
  auto* bucket = buckets.mutable_data_ptr<int64_t>();
  for (int64_t query = 0; query < length; ++query) {
    for (int64_t key = 0; key < length; ++key) {
      const int64_t apart = std::abs(key - query);
      *bucket++ = (apart < exact ? apart : far_bucket[apart]) + (key > query ? per_side : 0);
    }
  }
  return buckets;
}

T5Encoder::T5Encoder(const std::filesystem::path& folder, const nn::Target& target, bool stream_layers)
    : config_(read_t5_config(read_json_file(folder / "config.json"), (folder / "config.json").string())),
      target_(target),
      store_(std::make_unique<weights::WeightStore>(folder, std::vector<std::string>{"model"})) {
  if (target.dtype == at::kHalf) {
    fail(ErrorKind::unsupported, "{}: a T5 encoder's states overflow float16; compute in float32 or bfloat16",
         folder.string());
  }
  const at::NoGradGuard no_grad;
  // The table has two names; transformers ties them, and writes either or both.
  embedding_name_ = store_->has("shared.weight") ? "shared" : "encoder.embed_tokens";
  if (store_->has("shared.weight") && store_->has("encoder.embed_tokens.weight"))
    store_->get("encoder.embed_tokens.weight");
  check_tensors(*store_, embedding_name_ + ".weight", config_);
  for (int64_t i = 0; !stream_layers && i < config_.num_layers; ++i) {
    check_cancelled();
    resident_blocks_.push_back(build_block(i));
  }
}

T5Block T5Encoder::build_block(int64_t index) const {
  const bool has_bias_table = config_.bias_in_every_layer || index == 0;
  return T5Block(weights::Scope(*store_) / "encoder" / "block" / index, config_, has_bias_table, target_);
}

at::Tensor T5Encoder::position_bias(const at::Tensor& table, int64_t length) const {
  const at::Tensor buckets = relative_position_buckets(length, config_.relative_attention_num_buckets,
                                                       config_.relative_attention_max_distance);
  return at::embedding(table, buckets.to(table.device())).permute({2, 0, 1}).contiguous().unsqueeze(0);  // [1, N, L, L]
}

std::vector<TextEmbedding> T5Encoder::encode(const std::vector<Tokens>& prompts, const EncodeProgress& progress) const {
  const at::NoGradGuard no_grad;
  const weights::Scope root(*store_);
  const nn::Embedding embedding(root / embedding_name_, config_.vocab_size, config_.d_model, target_);
  std::vector<TextEmbedding> embeddings;
  for (const Tokens& prompt : prompts) embeddings.push_back({embedding.forward(prompt.ids)});
  embedding.table.file->release(embedding.table.bytes);  // a row drags the pages around it into memory

  at::Tensor bias_table;
  for (int64_t i = 0; i < config_.num_layers; ++i) {
    std::optional<T5Block> streamed;
    if (resident_blocks_.empty()) streamed.emplace(build_block(i));
    const T5Block& block = streamed ? *streamed : resident_blocks_[i];
    if (block.bias_table.defined()) bias_table = block.bias_table;
    for (TextEmbedding& prompt : embeddings) {
      check_cancelled();
      prompt.states = block.forward(prompt.states, position_bias(bias_table, prompt.states.size(0)));
    }
    if (progress) progress(static_cast<int>(i + 1), static_cast<int>(config_.num_layers));
  }
  const nn::RmsNorm final_norm(root / "encoder" / "final_layer_norm", config_.d_model, config_.layer_norm_epsilon,
                               target_);
  for (TextEmbedding& prompt : embeddings) prompt.states = final_norm.forward(prompt.states);
  return embeddings;
}

}  // namespace soragen::text
