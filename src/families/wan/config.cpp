#include "families/wan/config.h"

#include <algorithm>

#include "core/fail.h"

namespace soragen::families::wan {
namespace {

// Far above any checkpoint; they keep hostile configs from asking for absurd memory.
constexpr int64_t kMaxWidth = 1 << 16;
constexpr int64_t kMaxLayers = 1024;

void refuse_if_set(const JsonObject& object, const std::string& key, std::string_view meaning) {
  if (object.has(key))
    fail(ErrorKind::unsupported, "{}: \"{}\" is set: {} is not supported; text-to-video checkpoints are",
         object.where(), key, meaning);
}

// The reference's own numbers for a config that leaves latents_mean and latents_std out.
constexpr std::array kLatentsMean = {-0.7571, -0.7089, -0.9113, 0.1075,  -0.1745, 0.9653,  -0.1517, 1.5508,
                                     0.4134,  -0.0715, 0.5517,  -0.3632, -0.1922, -0.9497, 0.2503,  -0.2921};
constexpr std::array kLatentsStd = {2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
                                    3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160};

void check_factors(const VaeConfig& config, const std::string& where) {
  const size_t levels = config.dim_mult.size();
  if (levels < 1 || levels > 8 || config.temperal_downsample.size() + 1 != levels)
    fail(ErrorKind::input, "{}: temperal_downsample has {} entries; dim_mult with {} needs one less", where,
         config.temperal_downsample.size(), levels);
  const int64_t spatial = (int64_t{1} << (levels - 1)) * config.patch_size;
  const int64_t temporal =
      int64_t{1} << std::count(config.temperal_downsample.begin(), config.temperal_downsample.end(), true);
  if (spatial != config.scale_factor_spatial || temporal != config.scale_factor_temporal)
    fail(ErrorKind::input,
         "{}: the layers scale by {} in space and {} in time, scale_factor_spatial and _temporal say {} and {}", where,
         spatial, temporal, config.scale_factor_spatial, config.scale_factor_temporal);
  if (config.out_channels != 3 * config.patch_size * config.patch_size)
    fail(ErrorKind::input, "{}: out_channels {} does not make RGB with patch_size {}; expected {}", where,
         config.out_channels, config.patch_size, 3 * config.patch_size * config.patch_size);
  const auto is_zero = [](double x) { return x == 0.0; };
  if (static_cast<int64_t>(config.latents_mean.size()) != config.z_dim ||
      config.latents_std.size() != config.latents_mean.size() ||
      std::any_of(config.latents_std.begin(), config.latents_std.end(), is_zero))
    fail(ErrorKind::input, "{}: latents_mean and latents_std need z_dim = {} numbers, none of latents_std zero", where,
         config.z_dim);
}

}  // namespace

DitConfig parse_dit_config(const JsonObject& object) {
  refuse_if_set(object, "image_dim", "conditioning on an image");
  refuse_if_set(object, "added_kv_proj_dim", "conditioning on an image");
  DitConfig config;
  if (object.has("patch_size")) {
    const auto patch = object.integers("patch_size", 1, 64);
    if (patch.size() != 3)
      fail(ErrorKind::input, "{}: patch_size needs 3 numbers (t, h, w), found {}", object.where(), patch.size());
    std::copy(patch.begin(), patch.end(), config.patch_size.begin());
  }
  config.num_attention_heads = object.integer_or("num_attention_heads", config.num_attention_heads, 1, 1024);
  config.attention_head_dim = object.integer_or("attention_head_dim", config.attention_head_dim, 6, 1024);
  config.in_channels = object.integer_or("in_channels", config.in_channels, 1, kMaxWidth);
  config.out_channels = object.integer_or("out_channels", config.in_channels, 1, kMaxWidth);
  config.text_dim = object.integer_or("text_dim", config.text_dim, 1, kMaxWidth);
  config.freq_dim = object.integer_or("freq_dim", config.freq_dim, 2, kMaxWidth);
  config.ffn_dim = object.integer_or("ffn_dim", config.ffn_dim, 1, 1 << 20);
  config.num_layers = object.integer_or("num_layers", config.num_layers, 1, kMaxLayers);
  config.cross_attn_norm = object.boolean_or("cross_attn_norm", config.cross_attn_norm);
  config.eps = object.number_or("eps", config.eps);
  config.rope_max_seq_len = object.integer_or("rope_max_seq_len", config.rope_max_seq_len, 1, 1 << 20);
  if (config.attention_head_dim % 2 != 0 || config.freq_dim % 2 != 0)
    fail(ErrorKind::input, "{}: attention_head_dim {} and freq_dim {} must be even", object.where(),
         config.attention_head_dim, config.freq_dim);
  if (config.in_channels != config.out_channels)
    fail(ErrorKind::unsupported,
         "{}: in_channels {} differs from out_channels {}: this checkpoint takes a picture or a clip besides noise; "
         "soragen runs text-to-video checkpoints",
         object.where(), config.in_channels, config.out_channels);
  return config;
}

VaeConfig parse_vae_config(const JsonObject& object) {
  VaeConfig config;
  config.base_dim = object.integer_or("base_dim", config.base_dim, 1, kMaxWidth);
  config.decoder_base_dim = object.integer_or("decoder_base_dim", config.base_dim, 1, kMaxWidth);
  config.z_dim = object.integer_or("z_dim", config.z_dim, 1, kMaxWidth);
  if (object.has("dim_mult")) config.dim_mult = object.integers("dim_mult", 1, 64);
  config.num_res_blocks = object.integer_or("num_res_blocks", config.num_res_blocks, 1, 64);
  if (object.has("temperal_downsample")) config.temperal_downsample = object.booleans("temperal_downsample");
  if (object.has("attn_scales") && !object.numbers("attn_scales").empty())
    fail(ErrorKind::unsupported, "{}: attention at attn_scales is not supported; the reference leaves it unused too",
         object.where());
  config.latents_mean = object.has("latents_mean") ? object.numbers("latents_mean")
                                                   : std::vector<double>(kLatentsMean.begin(), kLatentsMean.end());
  config.latents_std = object.has("latents_std") ? object.numbers("latents_std")
                                                 : std::vector<double>(kLatentsStd.begin(), kLatentsStd.end());
  config.is_residual = object.boolean_or("is_residual", config.is_residual);
  config.out_channels = object.integer_or("out_channels", config.out_channels, 1, kMaxWidth);
  config.patch_size = object.integer_or("patch_size", 1, 1, 64);
  config.scale_factor_temporal = object.integer_or("scale_factor_temporal", config.scale_factor_temporal, 1, 256);
  config.scale_factor_spatial = object.integer_or("scale_factor_spatial", config.scale_factor_spatial, 1, 256);
  check_factors(config, object.where());
  return config;
}

}  // namespace soragen::families::wan
