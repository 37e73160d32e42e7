// The causal video VAE's decoder, both generations. Reference: diffusers 0.42.1,
// models/autoencoders/autoencoder_kl_wan.py.
//
// The reference decodes latent frame by latent frame and keeps what every causal convolution has seen.
// Here that memory is a State with the shape of the network; a chunk may hold any number of latent frames.
//
// Easy to get wrong:
//  - the first latent frame makes one frame, every other `scale_factor_temporal`: an upsampler passes its
//    very first frame through without its time convolution, which therefore never sees that frame;
//  - 2.1 (not residual) halves the channels in each upsampler's convolution, 2.2 (residual) keeps them and
//    adds a shortcut that repeats channels into space and time;
//  - patches are unfolded with the width offset before the height offset in the channel order.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "families/tiled_decode.h"
#include "families/wan/config.h"
#include "nn/layers.h"
#include "ops/conv.h"

namespace soragen::families::wan {

// All tensors are frames, dense [T, H, W, C].

struct CausalConv {
  // The last frames of the input so far: [kT - 1, H, W, C], zeros before the film began; undefined: nothing seen.
  using State = at::Tensor;

  CausalConv(const nn::Scope& scope, int64_t in, int64_t out, std::vector<int64_t> kernel, const nn::Target& target);

  // A buffer for `frames` new frames with places for the past in front; write into new_frames(buffer), then run.
  at::Tensor buffer(at::IntArrayRef frames, const at::TensorOptions& options) const;
  at::Tensor new_frames(const at::Tensor& buffer) const {
    return buffer.narrow(0, weight.past(), buffer.size(0) - weight.past());
  }
  at::Tensor run(const at::Tensor& buffer, State& state) const;
  at::Tensor forward(const at::Tensor& frames, State& state) const;  // copies the frames into a buffer first

  ops::CausalConv3dWeight weight;
};

struct ResidualBlock {
  struct State {
    CausalConv::State conv1, conv2;
  };
  ResidualBlock(const nn::Scope& scope, int64_t in, int64_t out, const nn::Target& target);
  at::Tensor forward(const at::Tensor& x, State& state) const;
  at::Tensor norm1, norm2;  // gammas
  CausalConv conv1, conv2;
  std::optional<nn::Linear> conv_shortcut;
};

// One head over the pixels of each frame, as wide as the channels.
struct AttentionBlock {
  AttentionBlock(const nn::Scope& scope, int64_t channels, const nn::Target& target);
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor norm;
  nn::Linear to_qkv, proj;
};

struct Upsampler {
  struct State {
    bool started = false;  // the first frame of the film has passed
    CausalConv::State time_conv;
  };
  Upsampler(const nn::Scope& scope, int64_t channels, int64_t out, bool temporal, const nn::Target& target);
  at::Tensor forward(at::Tensor x, State& state) const;
  ops::UpsampleConv2dWeight resample;
  std::optional<CausalConv> time_conv;
};

struct UpBlock {
  struct State {
    std::vector<ResidualBlock::State> resnets;
    Upsampler::State upsampler;
  };
  UpBlock(const nn::Scope& scope, const VaeConfig& config, size_t level, const nn::Target& target);
  State start() const { return {.resnets = std::vector<ResidualBlock::State>(resnets.size()), .upsampler = {}}; }
  at::Tensor forward(const at::Tensor& x, State& state) const;
  std::vector<ResidualBlock> resnets;
  std::optional<Upsampler> upsampler;
  // Residual generation: channel of x that each of [time, row, column, out channel] repeats, by index tensor.
  std::vector<at::Tensor> shortcut;
  int64_t shortcut_time = 1;

 private:
  void add_shortcut(const at::Tensor& x, at::Tensor& y) const;
};

class VaeDecoder : public FrameDecoder {
 public:
  using Progress = std::function<void(int done, int total)>;
  VaeDecoder(const nn::Scope& scope, const VaeConfig& config, const nn::Target& target, const Progress& progress = {});

  void decode(const at::Tensor& latent, const DecodeOptions& options, const FramesFn& frames) override;

  // [C, T, H, W] normalised latent -> [T', H', W', 3] in [-1, 1] before the clamp, a chunk at a time.
  void decode_values(const at::Tensor& latent, const DecodeOptions& options, const ValuesFn& values) const;

 private:
  struct State {
    CausalConv::State conv_in, conv_out;
    ResidualBlock::State mid0, mid1;
    std::vector<UpBlock::State> up_blocks;
  };
  State start() const;
  void decode_whole(const at::Tensor& latent, const DecodeOptions& options, const ValuesFn& values) const;
  void run(size_t level, const at::Tensor& x, State& state, int64_t frames_per_pass, const ValuesFn& values) const;
  at::Tensor head(const at::Tensor& x, State& state) const;
  at::Tensor unpatchify(const at::Tensor& x) const;  // [T, H, W, 3 p p] -> [T, H p, W p, 3]

  VaeConfig config_;
  nn::Target target_;
  at::Tensor latents_mean_, latents_std_;  // [C, 1, 1, 1]
  nn::Linear post_quant_conv_;
  CausalConv conv_in_;
  ResidualBlock mid0_;
  AttentionBlock mid_attention_;
  ResidualBlock mid1_;
  std::vector<UpBlock> up_blocks_;
  at::Tensor norm_out_;
  CausalConv conv_out_;
};

}  // namespace soragen::families::wan
