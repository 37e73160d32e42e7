// config.json of a T5 or UMT5 encoder (transformers' T5Config, UMT5Config).
#pragma once

#include <cstdint>
#include <string>

#include "core/json.h"

namespace soragen::text {

struct T5Config {
  int64_t vocab_size = 0;
  int64_t d_model = 0;
  int64_t d_kv = 0;  // of one head; num_heads * d_kv need not be d_model
  int64_t d_ff = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;
  int64_t relative_attention_num_buckets = 32;
  int64_t relative_attention_max_distance = 128;
  double layer_norm_epsilon = 1e-6;
  bool gated_gelu = true;           // else relu without a gate (T5 before v1.1)
  bool bias_in_every_layer = true;  // UMT5; T5 shares the first layer's
};

// Throws Error{input} for a missing key or a wrong type or range, Error{unsupported} for another model_type or
// feed_forward_proj.
T5Config read_t5_config(const Json& json, const std::string& where);

}  // namespace soragen::text
