// The spacetime-patch diffusion transformer. Reference: diffusers 0.42.1, models/transformers/transformer_wan.py.
//
// Easy to get wrong:
//  - the checkpoint's norm2 is the affine norm of cross-attention; norm1 and norm3 have no weights;
//  - RMS norm of queries and keys runs over all heads together, before the rotation;
//  - rotary pairs are neighbours; the head's dims are split t, h, w with h = w = 2 * (head_dim / 6);
//  - the text is padded with zero rows before its projection and cross-attention has no mask, so the
//    padding takes part. All padding rows project to one and the same key: it is kept once, with
//    log(count) added to its score, which is exact.
//
// What is computed less often than in the reference, exactly: real text tokens only; cross-attention's
// keys and values once per film; the patch embedding and block 0's self-attention once for both guidance
// branches, which differ from block 0's cross-attention on.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "diffusion/denoiser.h"
#include "families/wan/config.h"
#include "nn/block_source.h"
#include "nn/layers.h"
#include "ops/norm.h"
#include "ops/replay.h"

namespace soragen::families::wan {

// Keys and values of the text for one block and one branch.
struct TextKeys {
  at::Tensor key, value;  // [1, S, N, D], S = real tokens (+ 1 padding row)
};
// One guidance branch: its text, seen by every block.
struct Branch {
  std::vector<TextKeys> blocks;
  at::Tensor key_bias;  // [S] float32: log(padding rows) at the last; undefined without padding
};

struct Modulation {
  at::Tensor shift, scale, gate;  // [D] float32; scale already has its 1 added
};

struct SelfAttention {
  SelfAttention(const nn::Scope& scope, const DitConfig& config, const nn::Target& target);
  at::Tensor forward(const at::Tensor& x, const ops::Rotary& rotary) const;  // [B, L, D] -> [B, L, D]
  nn::Linear to_qkv, to_out;
  at::Tensor norm_q, norm_k;
  int64_t heads;
  double eps;
};

struct CrossAttention {
  CrossAttention(const nn::Scope& scope, const DitConfig& config, const nn::Target& target);
  TextKeys keys(const at::Tensor& text) const;  // [S, D]
  at::Tensor forward(const at::Tensor& x, const std::vector<const Branch*>& branches,
                     size_t block) const;  // [B, L, D], B branches
  nn::Linear to_q, to_kv, to_out;
  at::Tensor norm_q, norm_k;
  int64_t heads;
  double eps;
};

struct DitBlock {
  DitBlock(const nn::Scope& scope, const DitConfig& config, const nn::Target& target);
  SelfAttention attn1;
  CrossAttention attn2;
  at::Tensor norm2_weight, norm2_bias;  // undefined when the config has no cross_attn_norm
  nn::Linear ffn_in, ffn_out;
  at::Tensor scale_shift_table;  // [6, D] float32
  double eps;

  std::vector<at::Tensor*> tensors();
  std::vector<Modulation> modulation(const at::Tensor& timestep_proj) const;  // [6, D] -> attention's, feed-forward's
};

// The blocks of a transformer's store, which lives as long as they are read from it.
nn::BlockSource<DitBlock> block_source(std::shared_ptr<const weights::WeightStore> store, const DitConfig& config,
                                       const nn::Residency& residency, const nn::Target& target,
                                       const nn::LoadProgress& progress = {});

class Dit : public diffusion::Denoiser {
 public:
  // text_tokens: the length to which the reference pads the text (512).
  Dit(const nn::Scope& scope, const DitConfig& config, int64_t text_tokens, const nn::Target& target,
      nn::BlockSource<DitBlock> blocks);

  void begin(const diffusion::Conditioning& conditioning) override;
  diffusion::Velocities velocity(const at::Tensor& latent, double timestep, bool guided) override;
  const nn::BlockSource<DitBlock>& blocks() const { return blocks_; }

 private:
  // What one noise level asks of every layer.
  struct Level {
    at::Tensor timestep_proj;         // [6, D] float32
    at::Tensor out_scale, out_shift;  // [D] float32
  };
  Level level(double timestep) const;
  at::Tensor project_text(const at::Tensor& text) const;  // [L, text_dim] -> [L (+ 1 padding row), D]
  at::Tensor padding_bias(const at::Tensor& text) const;  // Branch::key_bias
  at::Tensor patchify(const at::Tensor& latent) const;    // [C, T, H, W] -> [1, L, C * patch]
  at::Tensor unpatchify(const at::Tensor& tokens, at::IntArrayRef latent) const;  // [L, patch * C] -> [C, T, H, W]
  const ops::Rotary& rotary(at::IntArrayRef latent);
  // The velocity from what depends on the noise level alone.
  diffusion::Velocities predict(const at::Tensor& latent, const Level& level, bool guided);
  // From block 0's cross-attention on: x [B, L, D] and block 0's self-attention output, B = branches.
  at::Tensor run_blocks(at::Tensor x, at::Tensor attention, const Level& level,
                        const std::vector<const Branch*>& branches, const ops::Rotary& rotary);

  DitConfig config_;
  int64_t text_tokens_;
  nn::Target target_;
  nn::Linear patch_embedding_;
  nn::Linear text_in_, text_out_, time_in_, time_out_, time_proj_;
  nn::BlockSource<DitBlock> blocks_;
  nn::Linear proj_out_;
  at::Tensor scale_shift_table_;  // [2, D] float32
  Branch prompt_, negative_;
  std::vector<int64_t> rotary_grid_;
  ops::Rotary rotary_;
  std::array<ops::Replay, 2> steps_;  // of small films: without and with guidance
};

}  // namespace soragen::families::wan
