// The encoder half of T5 and UMT5 (transformers' T5EncoderModel and UMT5EncoderModel): pre-norm blocks without
// biases, RMS norm, attention without 1/sqrt(d), a learned bias by relative position.
//
// Easy to get wrong: UMT5 has a bias table in every layer, T5 only in the first, for all; "gelu" in the config is
// the tanh form. Only real tokens are computed, which equals the reference's padded batch under its mask.
//
// Memory: the embedding table is never loaded, its rows are read from the file. With stream_layers a block's
// weights exist only while it runs: UMT5-XXL (11.4 GB in bf16) needs one block and its packing, about 1.5 GB in
// float32. Otherwise all blocks stay.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "nn/layers.h"
#include "text/t5_config.h"
#include "text/text_encoder.h"
#include "weights/store.h"

namespace soragen::text {

// encoder.block.N
struct T5Block {
  T5Block(const nn::Scope& scope, const T5Config& config, bool has_bias_table, const nn::Target& target);

  // x [L, D], position_bias [1, N, L, L] -> [L, D]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& position_bias) const;

  int64_t heads;
  nn::RmsNorm attention_norm;
  nn::Linear qkv, attention_out;
  at::Tensor bias_table;  // [buckets, N], or undefined
  nn::RmsNorm ffn_norm;
  std::optional<nn::Linear> gate;  // wi_0; absent: relu
  nn::Linear up, down;             // wi_1 or wi, wo
};

// The bucket of every pair of positions, [L, L]: near distances one each, far ones in logarithmic steps, keys
// before and after the query apart.
at::Tensor relative_position_buckets(int64_t length, int64_t num_buckets, int64_t max_distance);

class T5Encoder final : public TextEncoder {
 public:
  // folder: config.json and model.safetensors, or its shards. Every tensor is checked for name and shape here, in both
  // modes. Throws Error{input}; Error{unsupported} for float16 as the precision to compute in (T5 overflows in it).
  T5Encoder(const std::filesystem::path& folder, const nn::Target& target, bool stream_layers);

  std::vector<TextEmbedding> encode(const std::vector<Tokens>& prompts,
                                    const EncodeProgress& progress = {}) const override;
  int64_t width() const override { return config_.d_model; }
  const T5Config& config() const { return config_; }

 private:
  T5Block build_block(int64_t index) const;
  at::Tensor position_bias(const at::Tensor& table, int64_t length) const;

  T5Config config_;
  nn::Target target_;
  std::unique_ptr<weights::WeightStore> store_;
  std::string embedding_name_;
  std::vector<T5Block> resident_blocks_;  // empty when streaming
};

}  // namespace soragen::text
