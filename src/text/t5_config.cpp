#include "text/t5_config.h"

#include "core/fail.h"

namespace soragen::text {

T5Config read_t5_config(const Json& json, const std::string& where) {
  const JsonObject object(json, where);
  const std::string model_type = object.string("model_type");
  const bool umt5 = model_type == "umt5";
  if (!umt5 && model_type != "t5") {
    fail(ErrorKind::unsupported, "{}: model_type \"{}\"; the text encoders read here are \"umt5\" and \"t5\"", where,
         model_type);
  }
  // transformers leaves a key out when it has the class's default, and the two classes differ in this one.
  const std::string projection = object.string_or("feed_forward_proj", umt5 ? "gated-gelu" : "relu");
  if (projection != "gated-gelu" && projection != "relu") {
    fail(ErrorKind::unsupported, "{}: feed_forward_proj \"{}\"; known are \"gated-gelu\" and \"relu\"", where,
         projection);
  }
  constexpr int64_t kMaxWidth = 1 << 16, kMaxVocabulary = 1 << 22;  // 16 times UMT5-XXL's
  T5Config config;
  config.vocab_size = object.integer("vocab_size", 1, kMaxVocabulary);
  config.d_model = object.integer("d_model", 1, kMaxWidth);
  config.d_kv = object.integer("d_kv", 1, kMaxWidth);
  config.d_ff = object.integer("d_ff", 1, kMaxWidth * 4);
  config.num_layers = object.integer("num_layers", 1, 1024);
  config.num_heads = object.integer("num_heads", 1, 1024);
  config.relative_attention_num_buckets = object.integer_or("relative_attention_num_buckets", 32, 4, 1 << 16);
  config.relative_attention_max_distance = object.integer_or("relative_attention_max_distance", 128, 2, 1 << 20);
  config.layer_norm_epsilon = object.number_or("layer_norm_epsilon", 1e-6);
  config.gated_gelu = projection == "gated-gelu";
  config.bias_in_every_layer = umt5;

  if (config.relative_attention_num_buckets % 4 != 0 ||
      config.relative_attention_max_distance <= config.relative_attention_num_buckets / 4) {
    fail(ErrorKind::input,
         "{}: relative_attention_num_buckets {} and max_distance {}: the number of buckets must be a multiple "
         "of 4, and the distance above a quarter of it",
         where, config.relative_attention_num_buckets, config.relative_attention_max_distance);
  }
  if (!(config.layer_norm_epsilon >= 0 && config.layer_norm_epsilon < 1)) {
    fail(ErrorKind::input, "{}: layer_norm_epsilon {} is not in [0, 1)", where, config.layer_norm_epsilon);
  }
  return config;
}

}  // namespace soragen::text
