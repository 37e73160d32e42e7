// transformer/config.json and vae/config.json of a Wan directory (diffusers layout), with the defaults
// of WanTransformer3DModel and AutoencoderKLWan in diffusers 0.42.1 for absent keys. A value that this
// implementation has no code for is Error{unsupported} with the reason.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/json.h"

namespace soragen::families::wan {

struct DitConfig {
  std::array<int64_t, 3> patch_size = {1, 2, 2};  // t, h, w
  int64_t num_attention_heads = 40;
  int64_t attention_head_dim = 128;
  int64_t in_channels = 16;
  int64_t out_channels = 16;
  int64_t text_dim = 4096;
  int64_t freq_dim = 256;
  int64_t ffn_dim = 13824;
  int64_t num_layers = 40;
  bool cross_attn_norm = true;
  double eps = 1e-6;
  int64_t rope_max_seq_len = 1024;  // positions along each axis

  int64_t inner_dim() const { return num_attention_heads * attention_head_dim; }
  int64_t patch_volume() const { return patch_size[0] * patch_size[1] * patch_size[2]; }
};

struct VaeConfig {
  int64_t base_dim = 96;
  int64_t decoder_base_dim = 96;
  int64_t z_dim = 16;
  std::vector<int64_t> dim_mult = {1, 2, 4, 4};
  int64_t num_res_blocks = 2;
  std::vector<bool> temperal_downsample = {false, true, true};  // the checkpoints' spelling
  std::vector<double> latents_mean, latents_std;                // z_dim each
  bool is_residual = false;
  int64_t out_channels = 3;
  int64_t patch_size = 1;
  int64_t scale_factor_temporal = 4;
  int64_t scale_factor_spatial = 8;
};

DitConfig parse_dit_config(const JsonObject& object);
VaeConfig parse_vae_config(const JsonObject& object);

}  // namespace soragen::families::wan
