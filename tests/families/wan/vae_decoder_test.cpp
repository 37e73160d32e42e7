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
  at::Tensor normalised() const {
    const auto column = [](const std::vector<double>& values) { return at::tensor(values, at::kDouble).view({-1, 1, 1, 1}); };
    return ((golden["vae.latent"].to(at::kDouble) - column(config.latents_mean)) / column(config.latents_std)).to(at::kFloat);
  }
  at::Tensor decode(const DecodeOptions& options) const {
    std::vector<at::Tensor> chunks;
    decoder.decode_values(normalised(), options, [&](const at::Tensor& values) { chunks.push_back(values); });
    return at::clamp(at::cat(chunks), -1.0, 1.0).permute({3, 0, 1, 2});  // [3, T, H, W]
  }
};

TEST_P(VaeCase, FilmEqualsTheReference) { test::expect_golden(decode({}), golden, "vae.video"); }

TEST_P(VaeCase, LargerChunksAndSingleFramesGiveTheSameFilm) {
  test::expect_golden(decode({.latent_frames = 2}), golden, "vae.video");
  test::expect_golden(decode({.latent_frames = 1, .frames_per_pass = 1}), golden, "vae.video");
  test::expect_golden(decode({.latent_frames = 2, .frames_per_pass = 3}), golden, "vae.video");
}

INSTANTIATE_TEST_SUITE_P(Golden, VaeCase, testing::Values("wan21-tiny", "wan22-tiny", "a14b-tiny", "t5-euler-tiny", "few-step-tiny"),
                         [](const auto& info) { std::string name = info.param; std::replace(name.begin(), name.end(), '-', '_'); return name; });

}  // namespace
}  // namespace soragen::families::wan
