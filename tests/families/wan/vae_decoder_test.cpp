// Decoded films against the Python reference.
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>

#include "families/wan/vae_decoder.h"
#include "support/golden.h"

namespace soragen::families::wan {
namespace {

using test::Golden;

class VaeCase : public testing::TestWithParam<std::string> {
 protected:
  c10::InferenceMode inference;
  Golden golden{GetParam()};
  Json json = read_json_file(golden.directory / "vae/config.json");
  VaeConfig config = parse_vae_config(JsonObject(json, "vae"));
  weights::WeightStore store{golden.directory / "vae", {"diffusion_pytorch_model"}};
  VaeDecoder decoder{nn::Scope(store), config, {at::kFloat, at::kCPU}};

  // golden "vae.latent" is in the VAE's own scale; the decoder takes normalised latents.
  at::Tensor normalised(const std::string& name = "vae.latent") const {
    const auto column = [](const std::vector<double>& values) {
      return at::tensor(values, at::kDouble).view({-1, 1, 1, 1});
    };
    return ((golden[name].to(at::kDouble) - column(config.latents_mean)) / column(config.latents_std)).to(at::kFloat);
  }
  at::Tensor decode(const DecodeOptions& options, const std::string& latent = "vae.latent") const {
    std::vector<at::Tensor> chunks;
    decoder.decode_values(normalised(latent), options, [&](const at::Tensor& values) { chunks.push_back(values); });
    return at::clamp(at::cat(chunks), -1.0, 1.0).permute({3, 0, 1, 2});  // [3, T, H, W]
  }
};

TEST_P(VaeCase, FilmEqualsTheReference) { test::expect_golden(decode({}), golden, "vae.video"); }

TEST_P(VaeCase, LargerChunksAndSingleFramesGiveTheSameFilm) {
  test::expect_golden(decode({.latent_frames = 2}), golden, "vae.video");
  test::expect_golden(decode({.latent_frames = 1, .frames_per_pass = 1}), golden, "vae.video");
  test::expect_golden(decode({.latent_frames = 2, .frames_per_pass = 3}), golden, "vae.video");
}

class TiledCase : public VaeCase {};

TEST_P(TiledCase, BlendsAsTheReferenceDoes) {
  const int64_t spatial = config.scale_factor_spatial;
  const at::Tensor film = decode({.tile = 4 * spatial, .tile_stride = 3 * spatial}, "vae.tiled.latent");
  const at::Tensor ends = at::cat({film.narrow(1, 0, 1), film.narrow(1, film.size(1) - 1, 1)}, 1);
  // Decoded tiles wait in float16: half of its last place on [-1, 1], besides the reference's own error.
  EXPECT_LE(test::max_difference(ends, golden["vae.tiled.frames"]),
            test::allowed(golden.error("vae.tiled.frames")) + 0x1p-11);
}

INSTANTIATE_TEST_SUITE_P(Golden, TiledCase, testing::Values("wan21-tiny", "wan22-tiny"),
                         [](const auto& info) { return info.param == "wan21-tiny" ? "first" : "second"; });
INSTANTIATE_TEST_SUITE_P(Golden, VaeCase, test::golden_cases(), test::golden_case_name);

}  // namespace
}  // namespace soragen::families::wan
