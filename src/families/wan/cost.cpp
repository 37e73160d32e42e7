#include "families/wan/cost.h"

#include <algorithm>

namespace soragen::families::wan {
namespace {

int64_t bytes_of(const nn::Target& target) { return static_cast<int64_t>(c10::elementSize(target.dtype)); }

// Of one block's products: two attentions of four each, and the feed-forward.
int64_t block_bytes(const DitConfig& config, const nn::Target& target) {
  const int64_t d = config.inner_dim();
  const auto bytes = [&](int64_t out, int64_t in) { return nn::weight_bytes(out, in, target); };
  return 8 * bytes(d, d) + bytes(config.ffn_dim, d) + bytes(d, config.ffn_dim);
}

// The largest weight in 8 bits, spelled out for its product; the processor converts it before it scales it.
int64_t spelled_out_bytes(const DitConfig& config, const nn::Target& target) {
  if (target.weights == ops::WeightForm::full) return 0;
  const int64_t d = config.inner_dim(), copies = target.device.is_cpu() ? 2 : 1;
  return copies * d * std::max(3 * d, config.ffn_dim) * bytes_of(target);
}

}  // namespace

StageCost dit_cost(const DitConfig& config, const nn::Target& target, int64_t tokens, int64_t text_tokens) {
  const int64_t d = config.inner_dim(), element = bytes_of(target);
  const int64_t block = 8 * d * d + 2 * d * config.ffn_dim;  // numbers of block_bytes
  const int64_t outside =
      config.patch_volume() * (config.in_channels + config.out_channels) * d + config.text_dim * d + d * d + 6 * d * d;
  // Alive at once in the feed-forward, the widest place: residual, normed input, the inner width and its
  // output; in attention instead q, k, v and the result. The other guidance branch keeps its residual.
  const int64_t per_token = std::max(3 * d + config.ffn_dim, 6 * d) + 2 * d;
  const int64_t text_keys = 2 * config.num_layers * text_tokens * 2 * d;  // both branches, keys and values
  // Keys and values of the text are computed once a film and not counted here.
  const double length = static_cast<double>(tokens), width = static_cast<double>(d);
  const double products = 2.0 * length * static_cast<double>(block - 2 * d * d),
               attention = 4.0 * length * length * width;
  return {.weights = config.num_layers * block_bytes(config, target) + outside * element,
          .activations = (tokens * per_token + text_keys) * element + spelled_out_bytes(config, target),
          .flop = 2.0 * static_cast<double>(config.num_layers) * (products + attention)};
}

StageCost decoder_cost(const VaeConfig& config, const nn::Target& target, const FilmSize& film,
                       const DecodeOptions& options) {
  const int64_t element = bytes_of(target);
  const size_t levels = config.dim_mult.size();
  const int64_t width = options.tile > 0 ? std::min(options.tile, film.width) : film.width;
  const int64_t height = options.tile > 0 ? std::min(options.tile, film.height) : film.height;
  const int64_t top = config.decoder_base_dim * config.dim_mult.back();
  int64_t pixels = (width / config.scale_factor_spatial) * (height / config.scale_factor_spatial);
  int64_t frames = options.latent_frames;  // of a chunk, at this level
  double film_pixels =
      static_cast<double>(pixels * ((film.frames - 1) / config.scale_factor_temporal + 1));  // of the film
  int64_t weights = 27 * config.z_dim * top + 4 * 27 * top * top, past = 2 * pixels * (config.z_dim + 4 * top),
          peak = 0;
  double flop = 2.0 * film_pixels * static_cast<double>(weights);
  for (size_t level = 0; level < levels; ++level) {
    const int64_t out = config.decoder_base_dim * config.dim_mult[levels - 1 - level];
    const int64_t convolutions = 2 * (config.num_res_blocks + 1);
    weights += convolutions * 27 * out * out;
    past += 2 * pixels * out * convolutions;
    flop += 2.0 * film_pixels * static_cast<double>(convolutions * 27 * out * out);
    // Input and output of a block, the buffer with the past in front, and the convolution's result.
    const int64_t pass = std::min(frames, options.frames_per_pass);
    peak = std::max(peak, pixels * out * (4 * pass + 2));
    if (level + 1 == levels) continue;
    const bool temporal = config.temperal_downsample[levels - 2 - level];
    weights += 16 * out * out + (temporal ? 6 * out * out : 0);  // the doubling convolution is folded to four 2x2
    past += temporal ? 2 * pixels * out : 0;
    pixels *= 4;
    frames = pass * (temporal ? 2 : 1);
    film_pixels *= temporal ? 8 : 4;
    flop += 2.0 * film_pixels * static_cast<double>(4 * out * out);
    peak = std::max(peak, 3 * pixels * out * frames);  // the upsampler gathers four parities
  }
  const int64_t rgb =
      4 * 3 * 3 * width * height * std::min(frames, options.frames_per_pass);  // float32 frames on their way to bytes
  if (options.tile > 0) {
    const double stride = static_cast<double>(options.tile_stride),
                 area = static_cast<double>(film.width * film.height);
    flop *= std::max(1.0, area / (stride * stride));
  }
  return {.weights = weights * element, .activations = (past + peak) * element + rgb, .flop = flop};
}

}  // namespace soragen::families::wan
