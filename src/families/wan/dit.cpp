#include "families/wan/dit.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "core/cancellation.h"
#include "core/fail.h"
#include "ops/attention.h"
#include "weights/read_ahead.h"

namespace soragen::families::wan {
namespace {

// Up to here both guidance branches run as one batch, fuller products and half the calls, and a step may be started as
// one launch. Above, the products are full and long anyway, and two branches at once would only double the activations'
// memory.
constexpr int64_t kSmallFilm = 2048;  // tokens

nn::Target in_float(const nn::Target& target) { return {at::kFloat, target.device}; }

// patch_embedding is a convolution whose kernel equals its stride: a product over flattened patches.
nn::Linear load_patch_embedding(const nn::Scope& scope, const DitConfig& config, const nn::Target& target) {
  const auto [t, h, w] = config.patch_size;
  const at::Tensor weight = nn::load(scope, "weight", {config.inner_dim(), config.in_channels, t, h, w}, target);
  return nn::Linear(ops::LinearWeight(weight.flatten(1), nn::load(scope, "bias", {config.inner_dim()}, target)));
}

// Angles position * theta^(-2i / dim) of one axis, in double as in the reference.
at::Tensor axis_angles(int64_t positions, int64_t dim) {
  const auto options = at::TensorOptions().dtype(at::kDouble);
  const at::Tensor frequencies = 1.0 / at::pow(10000.0, at::arange(0, dim, 2, options) / static_cast<double>(dim));
  return at::outer(at::arange(positions, options), frequencies);  // [positions, dim / 2]
}

}  // namespace

SelfAttention::SelfAttention(const nn::Scope& scope, const DitConfig& config, const nn::Target& target)
    : to_qkv({scope / "to_q", scope / "to_k", scope / "to_v"}, config.inner_dim(), config.inner_dim(), target),
      to_out(scope / "to_out" / 0, config.inner_dim(), config.inner_dim(), target),
      norm_q(nn::load(scope / "norm_q", "weight", {config.inner_dim()}, in_float(target))),
      norm_k(nn::load(scope / "norm_k", "weight", {config.inner_dim()}, in_float(target))),
      heads(config.num_attention_heads),
      eps(config.eps) {}

at::Tensor SelfAttention::forward(const at::Tensor& x, const ops::Rotary& rotary) const {
  const at::Tensor qkv =
      to_qkv.forward(x).view({x.size(0), x.size(1), 3, heads, x.size(2) / heads});  // [B, L, 3, N, D]
  return to_out.forward(
      ops::self_attention({.qkv = qkv, .norm_q = norm_q, .norm_k = norm_k, .rotary = rotary, .eps = eps}));
}

CrossAttention::CrossAttention(const nn::Scope& scope, const DitConfig& config, const nn::Target& target)
    : to_q(scope / "to_q", config.inner_dim(), config.inner_dim(), target),
      to_kv({scope / "to_k", scope / "to_v"}, config.inner_dim(), config.inner_dim(), target),
      to_out(scope / "to_out" / 0, config.inner_dim(), config.inner_dim(), target),
      norm_q(nn::load(scope / "norm_q", "weight", {config.inner_dim()}, in_float(target))),
      norm_k(nn::load(scope / "norm_k", "weight", {config.inner_dim()}, in_float(target))),
      heads(config.num_attention_heads),
      eps(config.eps) {}

TextKeys CrossAttention::keys(const at::Tensor& text) const {
  const at::Tensor kv = to_kv.forward(text).view({1, text.size(0), 2, heads, text.size(1) / heads});  // [1, S, 2, N, D]
  const at::Tensor k = kv.select(2, 0);
  ops::rms_rope_(k, norm_k, {}, eps);
  return {.key = k, .value = kv.select(2, 1)};
}

at::Tensor CrossAttention::forward(const at::Tensor& x, const std::vector<const Branch*>& branches,
                                   size_t block) const {
  const at::Tensor q = to_q.forward(x).view({x.size(0), x.size(1), heads, x.size(2) / heads});  // [B, L, N, D]
  ops::rms_rope_(q, norm_q, {}, eps);
  std::vector<at::Tensor> attended;  // texts differ in length, so branches attend one by one
  for (size_t i = 0; i < branches.size(); ++i) {
    const TextKeys& text = branches[i]->blocks[block];
    attended.push_back(ops::attention({.query = q.narrow(0, static_cast<int64_t>(i), 1),
                                       .key = text.key,
                                       .value = text.value,
                                       .key_bias = branches[i]->key_bias}));
  }
  return to_out.forward(attended.size() == 1 ? attended[0] : at::cat(attended));
}

DitBlock::DitBlock(const nn::Scope& scope, const DitConfig& config, const nn::Target& target)
    : attn1(scope / "attn1", config, target),
      attn2(scope / "attn2", config, target),
      ffn_in(scope / "ffn" / "net" / 0 / "proj", config.inner_dim(), config.ffn_dim, target),
      ffn_out(scope / "ffn" / "net" / 2, config.ffn_dim, config.inner_dim(), target),
      scale_shift_table(nn::load(scope, "scale_shift_table", {1, 6, config.inner_dim()}, in_float(target)).squeeze(0)),
      eps(config.eps) {
  if (config.cross_attn_norm) {
    norm2_weight = nn::load(scope / "norm2", "weight", {config.inner_dim()}, in_float(target));
    norm2_bias = nn::load(scope / "norm2", "bias", {config.inner_dim()}, in_float(target));
  }
}

std::vector<at::Tensor*> DitBlock::tensors() {
  std::vector<at::Tensor*> all = {&attn1.norm_q, &attn1.norm_k, &attn2.norm_q, &attn2.norm_k, &scale_shift_table};
  if (norm2_weight.defined()) all.insert(all.end(), {&norm2_weight, &norm2_bias});
  for (nn::Linear* linear :
       {&attn1.to_qkv, &attn1.to_out, &attn2.to_q, &attn2.to_kv, &attn2.to_out, &ffn_in, &ffn_out}) {
    const std::vector<at::Tensor*> held = linear->weight.tensors();
    all.insert(all.end(), held.begin(), held.end());
  }
  return all;
}

std::vector<Modulation> DitBlock::modulation(const at::Tensor& timestep_proj) const {
  const at::Tensor table =
      scale_shift_table + timestep_proj;  // [6, D]: shift, scale, gate of attention, then of the feed-forward
  const at::Tensor plus_one = table + 1.0;
  return {{table[0], plus_one[1], table[2]}, {table[3], plus_one[4], table[5]}};
}

nn::BlockSource<DitBlock> block_source(std::shared_ptr<const weights::WeightStore> store, const DitConfig& config,
                                       const nn::Residency& residency, const nn::Target& target,
                                       const nn::LoadProgress& progress) {
  const auto build = [store, config](int64_t index, const nn::Target& where) {
    check_cancelled();
    return DitBlock(nn::Scope(*store) / "blocks" / index, config, where);
  };
  const auto read_ahead = [store](int64_t index) { weights::read_ahead(*store, fmt::format("blocks.{}.", index)); };
  return {config.num_layers, residency, target, {.build = build, .read_ahead = read_ahead}, progress};
}

Dit::Dit(const nn::Scope& scope, const DitConfig& config, int64_t text_tokens, const nn::Target& target,
         nn::BlockSource<DitBlock> blocks)
    : config_(config),
      text_tokens_(text_tokens),
      target_(target),
      patch_embedding_(load_patch_embedding(scope / "patch_embedding", config, target)),
      text_in_(scope / "condition_embedder" / "text_embedder" / "linear_1", config.text_dim, config.inner_dim(),
               target),
      text_out_(scope / "condition_embedder" / "text_embedder" / "linear_2", config.inner_dim(), config.inner_dim(),
                target),
      time_in_(scope / "condition_embedder" / "time_embedder" / "linear_1", config.freq_dim, config.inner_dim(),
               in_float(target)),
      time_out_(scope / "condition_embedder" / "time_embedder" / "linear_2", config.inner_dim(), config.inner_dim(),
                in_float(target)),
      time_proj_(scope / "condition_embedder" / "time_proj", config.inner_dim(), 6 * config.inner_dim(), target),
      blocks_(std::move(blocks)),
      proj_out_(scope / "proj_out", config.inner_dim(), config.out_channels * config.patch_volume(), target),
      scale_shift_table_(
          nn::load(scope, "scale_shift_table", {1, 2, config.inner_dim()}, in_float(target)).squeeze(0)) {}

at::Tensor Dit::project_text(const at::Tensor& text) const {
  SORAGEN_ASSERT(text.dim() == 2 && text.size(1) == config_.text_dim && text.size(0) <= text_tokens_);
  at::Tensor rows = text.to(target_.device, target_.dtype);
  if (text.size(0) < text_tokens_)
    rows = at::cat({rows, at::zeros({1, config_.text_dim}, rows.options())});  // one row stands for all padding
  return text_out_.forward(text_in_.forward(rows, ops::Activation::gelu_tanh));
}

at::Tensor Dit::padding_bias(const at::Tensor& text) const {
  const int64_t real = text.size(0), padding = text_tokens_ - real;
  if (padding == 0) return {};
  const at::Tensor bias = at::zeros({real + 1}, at::TensorOptions().dtype(at::kFloat).device(target_.device));
  bias[real] = std::log(static_cast<double>(padding));
  return bias;
}

void Dit::begin(const diffusion::Conditioning& conditioning) {
  for (ops::Replay& step : steps_) step.forget();
  prompt_ = negative_ = {};
  std::vector<std::pair<at::Tensor, Branch*>> texts;  // both in one pass over the blocks, which may be streamed
  for (const auto& [text, branch] : {std::pair(conditioning.prompt, &prompt_), {conditioning.negative, &negative_}}) {
    if (!text.defined()) continue;
    branch->key_bias = padding_bias(text);
    texts.emplace_back(project_text(text), branch);
  }
  for (int64_t i = 0; i < blocks_.size(); ++i) {
    check_cancelled();
    const DitBlock& block = blocks_.visit(i);
    for (const auto& [projected, branch] : texts) branch->blocks.push_back(block.attn2.keys(projected));
  }
}

Dit::Level Dit::level(double timestep) const {
  const auto options = at::TensorOptions().dtype(at::kFloat);
  const int64_t half = config_.freq_dim / 2;
  // float32 throughout, as the reference computes it: exp(-ln(10000) * i / half) * timestep
  const at::Tensor frequencies =
      at::exp(at::arange(half, options) * static_cast<float>(-std::log(10000.0)) / static_cast<double>(half));
  const at::Tensor angles = at::full({}, timestep, options) * frequencies;
  const at::Tensor sinusoid = at::cat({at::cos(angles), at::sin(angles)})
                                  .to(target_.device, at::kFloat, /*non_blocking=*/true)  // does not wait for a card
                                  .unsqueeze(0);                                          // [1, freq_dim]
  const at::Tensor embedded = time_out_.forward(at::silu(time_in_.forward(sinusoid))).to(target_.dtype);  // [1, D]
  const at::Tensor projected = time_proj_.forward(at::silu(embedded));                                    // [1, 6 D]
  const at::Tensor out = scale_shift_table_ + embedded.to(at::kFloat);  // [2, D]: shift, scale
  return {.timestep_proj = projected.to(at::kFloat).view({6, config_.inner_dim()}),
          .out_scale = out[1] + 1.0,
          .out_shift = out[0]};
}

at::Tensor Dit::patchify(const at::Tensor& latent) const {
  const auto [pt, ph, pw] = config_.patch_size;
  const int64_t c = latent.size(0), t = latent.size(1) / pt, h = latent.size(2) / ph, w = latent.size(3) / pw;
  return latent.view({c, t, pt, h, ph, w, pw}).permute({1, 3, 5, 0, 2, 4, 6}).reshape({1, t * h * w, c * pt * ph * pw});
}

at::Tensor Dit::unpatchify(const at::Tensor& tokens, at::IntArrayRef latent) const {
  const auto [pt, ph, pw] = config_.patch_size;
  const int64_t t = latent[1] / pt, h = latent[2] / ph, w = latent[3] / pw;
  return tokens.view({t, h, w, pt, ph, pw, config_.out_channels}).permute({6, 0, 3, 1, 4, 2, 5}).reshape(latent);
}

const ops::Rotary& Dit::rotary(at::IntArrayRef latent) {
  const std::vector<int64_t> grid = {latent[1] / config_.patch_size[0], latent[2] / config_.patch_size[1],
                                     latent[3] / config_.patch_size[2]};
  if (grid == rotary_grid_) return rotary_;
  const int64_t spatial = 2 * (config_.attention_head_dim / 6);
  const std::vector<int64_t> dims = {config_.attention_head_dim - 2 * spatial, spatial, spatial};
  std::vector<at::Tensor> angles;
  for (int axis = 0; axis < 3; ++axis) {
    std::vector<int64_t> shape = {1, 1, 1, dims[axis] / 2};
    shape[axis] = grid[axis];
    angles.push_back(
        axis_angles(grid[axis], dims[axis]).view(shape).expand({grid[0], grid[1], grid[2], dims[axis] / 2}));
  }
  const at::Tensor all =
      at::cat(angles, -1).view({grid[0] * grid[1] * grid[2], config_.attention_head_dim / 2});  // [L, D / 2]
  rotary_ = {.cos = at::cos(all).to(target_.device, at::kFloat), .sin = at::sin(all).to(target_.device, at::kFloat)};
  rotary_grid_ = grid;
  return rotary_;
}

at::Tensor Dit::run_blocks(at::Tensor x, at::Tensor attention, const Level& level,
                           const std::vector<const Branch*>& branches, const ops::Rotary& rotary) {
  ops::ResidualUpdate pending;
  for (int64_t i = 0; i < blocks_.size(); ++i) {
    check_cancelled();
    const DitBlock& block = blocks_.visit(i);
    const auto modulation = block.modulation(level.timestep_proj);
    const Modulation &msa = modulation[0], &mlp = modulation[1];
    if (i > 0)
      attention = block.attn1.forward(ops::add_layer_norm(x, pending, msa.scale, msa.shift, block.eps), rotary);
    at::Tensor attended;
    if (block.norm2_weight.defined()) {
      attended = block.attn2.forward(
          ops::add_layer_norm(x, {attention, msa.gate}, block.norm2_weight, block.norm2_bias, block.eps), branches,
          static_cast<size_t>(i));
    } else {
      ops::add_residual(x, {attention, msa.gate});
      attended = block.attn2.forward(x, branches, static_cast<size_t>(i));
    }
    const at::Tensor normed = ops::add_layer_norm(x, {attended, {}}, mlp.scale, mlp.shift, block.eps);
    pending = {block.ffn_out.forward(block.ffn_in.forward(normed, ops::Activation::gelu_tanh)), mlp.gate};
  }
  return proj_out_.forward(
      ops::add_layer_norm(x, pending, level.out_scale, level.out_shift, config_.eps));  // [B, L, patch * C]
}

diffusion::Velocities Dit::velocity(const at::Tensor& latent, double timestep, bool guided) {
  SORAGEN_ASSERT(latent.dim() == 4 && latent.size(0) == config_.in_channels && !prompt_.blocks.empty());
  SORAGEN_ASSERT(!guided || !negative_.blocks.empty());
  const Level level = this->level(timestep);
  const bool is_small = rotary(latent.sizes()).cos.size(0) <= kSmallFilm;
  if (!is_small || !blocks_.all_resident()) return predict(latent, level, guided);
  const auto step = [this, guided](const std::vector<at::Tensor>& in) -> std::vector<at::Tensor> {
    const auto [cond, uncond] =
        predict(in[0], {.timestep_proj = in[1], .out_scale = in[2], .out_shift = in[3]}, guided);
    if (!guided) return {cond};
    return {cond, uncond};
  };
  const std::vector<at::Tensor> found =
      steps_[guided].run({latent, level.timestep_proj, level.out_scale, level.out_shift}, step);
  return {.cond = found[0], .uncond = guided ? found[1] : at::Tensor()};
}

diffusion::Velocities Dit::predict(const at::Tensor& latent, const Level& level, bool guided) {
  const ops::Rotary& rotary = this->rotary(latent.sizes());
  at::Tensor x =
      patch_embedding_.forward(patchify(latent.contiguous()).to(target_.device, target_.dtype));  // [1, L, D]

  const DitBlock& first = blocks_.visit(0);
  const Modulation msa = first.modulation(level.timestep_proj)[0];
  const at::Tensor attention =
      first.attn1.forward(ops::add_layer_norm(x, {}, msa.scale, msa.shift, config_.eps), rotary);
  const auto film = [&](const at::Tensor& tokens) { return unpatchify(tokens, latent.sizes()); };
  if (!guided) return {.cond = film(run_blocks(x, attention, level, {&prompt_}, rotary)[0]), .uncond = {}};
  if (x.size(1) <= kSmallFilm) {
    const std::vector<int64_t> both = {2, x.size(1), x.size(2)};
    const at::Tensor out = run_blocks(x.expand(both).contiguous(), attention.expand(both).contiguous(), level,
                                      {&prompt_, &negative_}, rotary);
    return {.cond = film(out[0]), .uncond = film(out[1])};
  }
  const at::Tensor cond = film(run_blocks(x.clone(), attention, level, {&prompt_}, rotary)[0]);
  return {.cond = cond, .uncond = film(run_blocks(x, attention, level, {&negative_}, rotary)[0])};
}

}  // namespace soragen::families::wan
