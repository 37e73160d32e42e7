#include "families/wan/vae_decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/floor_divide.h>
#include <ATen/ops/tensor.h>

#include "core/cancellation.h"
#include "core/fail.h"
#include "ops/attention.h"
#include "ops/frames.h"
#include "ops/norm.h"

namespace soragen::families::wan {
namespace {

at::Tensor load_gamma(const nn::Scope& scope, int64_t channels, int dims, const nn::Target& target) {
  std::vector<int64_t> shape(static_cast<size_t>(dims), 1);
  shape.insert(shape.begin(), channels);
  return nn::load(scope, "gamma", shape, {at::kFloat, target.device}).flatten();
}

// A 1x1 (x1) convolution is a product over channels.
nn::Linear load_pointwise(const nn::Scope& scope, int64_t in, int64_t out, int dims, const nn::Target& target) {
  std::vector<int64_t> shape = {out, in};
  shape.insert(shape.end(), static_cast<size_t>(dims), 1);
  return nn::Linear(
      ops::LinearWeight(nn::load(scope, "weight", shape, target).flatten(1), nn::load(scope, "bias", {out}, target)));
}

ops::CausalConv3dWeight load_conv3d(const nn::Scope& scope, int64_t in, int64_t out, std::vector<int64_t> kernel,
                                    const nn::Target& target) {
  kernel.insert(kernel.begin(), {out, in});
  return {nn::load(scope, "weight", kernel, target), nn::load(scope, "bias", {out}, target)};
}

int64_t top_dim(const VaeConfig& config) { return config.decoder_base_dim * config.dim_mult.back(); }

std::vector<UpBlock> load_up_blocks(const nn::Scope& scope, const VaeConfig& config, const nn::Target& target,
                                    const VaeDecoder::Progress& progress) {
  std::vector<UpBlock> blocks;
  for (size_t level = 0; level < config.dim_mult.size(); ++level) {
    check_cancelled();
    blocks.emplace_back(scope / "up_blocks" / static_cast<int64_t>(level), config, level, target);
    if (progress) progress(static_cast<int>(level + 1), static_cast<int>(config.dim_mult.size()));
  }
  return blocks;
}

}  // namespace

CausalConv::CausalConv(const nn::Scope& scope, int64_t in, int64_t out, std::vector<int64_t> kernel,
                       const nn::Target& target)
    : weight(load_conv3d(scope, in, out, std::move(kernel), target)) {}

at::Tensor CausalConv::buffer(at::IntArrayRef frames, const at::TensorOptions& options) const {
  return at::empty({weight.past() + frames[0], frames[1], frames[2], weight.in_channels()}, options);
}

at::Tensor CausalConv::run(const at::Tensor& buffer, State& state) const {
  const bool is_first_frame = weight.past() > 0 && !state.defined() && buffer.size(0) == weight.past() + 1;
  if (weight.past() > 0) ops::exchange_past(buffer, weight.past(), state);
  return is_first_frame ? weight.apply_first(new_frames(buffer)) : weight.apply(buffer);
}

at::Tensor CausalConv::forward(const at::Tensor& frames, State& state) const {
  const at::Tensor window = buffer(frames.sizes(), frames.options());
  new_frames(window).copy_(frames);
  return run(window, state);
}

ResidualBlock::ResidualBlock(const nn::Scope& scope, int64_t in, int64_t out, const nn::Target& target)
    : norm1(load_gamma(scope / "norm1", in, 3, target)),
      norm2(load_gamma(scope / "norm2", out, 3, target)),
      conv1(scope / "conv1", in, out, {3, 3, 3}, target),
      conv2(scope / "conv2", out, out, {3, 3, 3}, target) {
  if (in != out) conv_shortcut = load_pointwise(scope / "conv_shortcut", in, out, 3, target);
}

at::Tensor ResidualBlock::forward(const at::Tensor& x, State& state) const {
  const auto normed_conv = [](const at::Tensor& x, const at::Tensor& gamma, const CausalConv& conv,
                              CausalConv::State& state) {
    const at::Tensor buffer = conv.buffer(x.sizes(), x.options());
    at::Tensor frames = conv.new_frames(buffer);
    ops::rms_silu_out(x, gamma, /*silu=*/true, frames);
    return conv.run(buffer, state);
  };
  at::Tensor y = normed_conv(normed_conv(x, norm1, conv1, state.conv1), norm2, conv2, state.conv2);
  return y.add_(conv_shortcut ? conv_shortcut->forward(x) : x);
}

AttentionBlock::AttentionBlock(const nn::Scope& scope, int64_t channels, const nn::Target& target)
    : norm(load_gamma(scope / "norm", channels, 2, target)),
      to_qkv(load_pointwise(scope / "to_qkv", channels, 3 * channels, 2, target)),
      proj(load_pointwise(scope / "proj", channels, channels, 2, target)) {}

at::Tensor AttentionBlock::forward(const at::Tensor& x) const {
  const int64_t t = x.size(0), pixels = x.size(1) * x.size(2), channels = x.size(3);
  at::Tensor normed = at::empty(x.sizes(), x.options());
  ops::rms_silu_out(x, norm, /*silu=*/false, normed);
  const at::Tensor qkv = to_qkv.forward(normed).view({t, pixels, 3, 1, channels});  // [B, L, 3, N, D]
  const at::Tensor attended =
      ops::attention({.query = qkv.select(2, 0), .key = qkv.select(2, 1), .value = qkv.select(2, 2)});
  return proj.forward(attended).view(x.sizes()).add_(x);
}

Upsampler::Upsampler(const nn::Scope& scope, int64_t channels, int64_t out, bool temporal, const nn::Target& target)
    : resample(nn::load(scope / "resample" / 1, "weight", {out, channels, 3, 3}, target),
               nn::load(scope / "resample" / 1, "bias", {out}, target)) {
  if (temporal) time_conv.emplace(scope / "time_conv", channels, 2 * channels, std::vector<int64_t>{3, 1, 1}, target);
}

at::Tensor Upsampler::forward(at::Tensor x, State& state) const {
  if (time_conv && state.started) {
    const int64_t t = x.size(0), h = x.size(1), w = x.size(2), channels = x.size(3);
    const at::Tensor doubled = time_conv->forward(x, state.time_conv).view({t, h, w, 2, channels});
    x = doubled.permute({0, 3, 1, 2, 4}).reshape({2 * t, h, w, channels});
  }
  SORAGEN_ASSERT(state.started || x.size(0) == 1);
  state.started = true;
  return resample.apply(x);
}

UpBlock::UpBlock(const nn::Scope& scope, const VaeConfig& config, size_t level, const nn::Target& target) {
  const size_t levels = config.dim_mult.size();
  const bool is_last = level + 1 == levels;
  const auto width = [&](size_t at) { return config.decoder_base_dim * config.dim_mult[levels - 1 - at]; };
  const int64_t out = width(level);
  int64_t in = level == 0 ? top_dim(config) : width(level - 1);
  if (level > 0 && !config.is_residual) in /= 2;  // the upsampler before halved them
  const bool temporal = !is_last && config.temperal_downsample[levels - 2 - level];
  for (int64_t i = 0; i <= config.num_res_blocks; ++i)
    resnets.emplace_back(scope / "resnets" / i, i == 0 ? in : out, out, target);
  if (is_last) return;
  if (!config.is_residual) {
    upsampler.emplace(scope / "upsamplers" / 0, out, out / 2, temporal, target);
    return;
  }
  upsampler.emplace(scope / "upsampler", out, out, temporal, target);
  shortcut_time = temporal ? 2 : 1;
  const int64_t factor = shortcut_time * 4, repeats = out * factor / in;
  if (out * factor % in != 0)
    fail(ErrorKind::input, "{}: {} channels cannot be repeated into {} x {}", scope.where(), in, out, factor);
  for (int64_t offset = 0; offset < factor; ++offset)  // (time, row, column), column fastest
    shortcut.push_back(at::floor_divide(at::arange(out, at::kLong) * factor + offset, repeats).to(target.device));
}

void UpBlock::add_shortcut(const at::Tensor& x, at::Tensor& y) const {
  const int64_t t = x.size(0), h = x.size(1), w = x.size(2), channels = y.size(3);
  // The first frame of the film stays one frame: of its `shortcut_time` copies the last is kept.
  const int64_t copies = y.size(0) / t;
  const at::Tensor parts = y.view({t, copies, h, 2, w, 2, channels});
  for (int64_t time = 0; time < copies; ++time)
    for (int64_t row = 0; row < 2; ++row)
      for (int64_t column = 0; column < 2; ++column) {
        const int64_t source = ((time + shortcut_time - copies) * 2 + row) * 2 + column;
        parts.select(1, time).select(2, row).select(3, column).add_(
            x.index_select(3, shortcut[static_cast<size_t>(source)]));
      }
}

at::Tensor UpBlock::forward(const at::Tensor& x, State& state) const {
  at::Tensor y = x;
  for (size_t i = 0; i < resnets.size(); ++i) {
    check_cancelled();
    y = resnets[i].forward(y, state.resnets[i]);
  }
  if (upsampler) y = upsampler->forward(y, state.upsampler);
  if (!shortcut.empty()) add_shortcut(x, y);
  return y;
}

VaeDecoder::VaeDecoder(const nn::Scope& scope, const VaeConfig& config, const nn::Target& target,
                       const Progress& progress)
    : config_(config),
      target_(target),
      latents_mean_(at::tensor(config.latents_mean, at::kFloat).view({-1, 1, 1, 1})),
      latents_std_(at::tensor(config.latents_std, at::kFloat).view({-1, 1, 1, 1})),
      post_quant_conv_(load_pointwise(scope / "post_quant_conv", config.z_dim, config.z_dim, 3, target)),
      conv_in_(scope / "decoder" / "conv_in", config.z_dim, top_dim(config), {3, 3, 3}, target),
      mid0_(scope / "decoder" / "mid_block" / "resnets" / 0, top_dim(config), top_dim(config), target),
      mid_attention_(scope / "decoder" / "mid_block" / "attentions" / 0, top_dim(config), target),
      mid1_(scope / "decoder" / "mid_block" / "resnets" / 1, top_dim(config), top_dim(config), target),
      up_blocks_(load_up_blocks(scope / "decoder", config, target, progress)),
      norm_out_(
          load_gamma(scope / "decoder" / "norm_out", config.decoder_base_dim * config.dim_mult.front(), 3, target)),
      conv_out_(scope / "decoder" / "conv_out", config.decoder_base_dim * config.dim_mult.front(), config.out_channels,
                {3, 3, 3}, target) {}

VaeDecoder::State VaeDecoder::start() const {
  State state;
  for (const UpBlock& block : up_blocks_) state.up_blocks.push_back(block.start());
  return state;
}

at::Tensor VaeDecoder::head(const at::Tensor& x, State& state) const {
  const at::Tensor buffer = conv_out_.buffer(x.sizes(), x.options());
  at::Tensor frames = conv_out_.new_frames(buffer);
  ops::rms_silu_out(x, norm_out_, /*silu=*/true, frames);
  return unpatchify(conv_out_.run(buffer, state.conv_out));
}

at::Tensor VaeDecoder::unpatchify(const at::Tensor& x) const {
  const int64_t t = x.size(0), h = x.size(1), w = x.size(2), p = config_.patch_size;
  if (p == 1) return x;
  return x.view({t, h, w, 3, p, p})
      .permute({0, 1, 5, 2, 4, 3})
      .reshape({t, h * p, w * p, 3});  // channel order: RGB, column, row
}

void VaeDecoder::run(size_t level, const at::Tensor& x, State& state, int64_t frames_per_pass,
                     const ValuesFn& values) const {
  if (level == up_blocks_.size()) return values(head(x, state));
  const at::Tensor y = up_blocks_[level].forward(x, state.up_blocks[level]);
  for (const at::Tensor& part : y.split(frames_per_pass)) run(level + 1, part, state, frames_per_pass, values);
}

void VaeDecoder::decode_values(const at::Tensor& latent, const DecodeOptions& options, const ValuesFn& values) const {
  const int64_t spatial = config_.scale_factor_spatial,
                frames = (latent.size(1) - 1) * config_.scale_factor_temporal + 1;
  if (options.tile == 0 || std::max(latent.size(2), latent.size(3)) * spatial <= options.tile)
    return decode_whole(latent, options, values);
  tiled_decode(
      latent, frames, options, {.spatial = spatial, .step = config_.patch_size},
      [&](const at::Tensor& tile, const ValuesFn& tile_values) { decode_whole(tile, options, tile_values); }, values);
}

void VaeDecoder::decode_whole(const at::Tensor& latent, const DecodeOptions& options, const ValuesFn& values) const {
  SORAGEN_ASSERT(latent.dim() == 4 && latent.size(0) == config_.z_dim && options.latent_frames > 0 &&
                 options.frames_per_pass > 0);
  State state = start();
  for (int64_t begin = 0; begin < latent.size(1);) {
    check_cancelled();
    // The first latent frame makes one frame and goes alone.
    const int64_t count = begin == 0 ? 1 : std::min(options.latent_frames, latent.size(1) - begin);
    const at::Tensor chunk = latent.narrow(1, begin, count) * latents_std_ + latents_mean_;
    const at::Tensor z = chunk.permute({1, 2, 3, 0}).contiguous().to(target_.device, target_.dtype);  // [T, H, W, C]
    at::Tensor x = conv_in_.forward(post_quant_conv_.forward(z), state.conv_in);
    x = mid1_.forward(mid_attention_.forward(mid0_.forward(x, state.mid0)), state.mid1);
    run(0, x, state, options.frames_per_pass, values);
    begin += count;
  }
}

void VaeDecoder::decode(const at::Tensor& latent, const DecodeOptions& options, const FramesFn& frames) {
  decode_values(latent, options, [&](const at::Tensor& values) { frames(ops::rgb8(values).to(at::kCPU)); });
}

}  // namespace soragen::families::wan
