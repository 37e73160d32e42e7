// Every tensor obeys the target's device: on LibTorch's meta device, which has shapes and no numbers, an operator that
// meets a tensor of the processor throws. What passes here finds all its tensors on a card, too.
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>
#include <torch/library.h>

#include "families/registry/registry.h"
#include "families/wan/config.h"
#include "families/wan/dit.h"
#include "families/wan/vae_decoder.h"
#include "support/golden.h"
#include "weights/store.h"

namespace soragen::families::wan {
namespace {

using test::Golden;

// Four operators whose shapes LibTorch works out in Python alone.
at::Tensor empty_like_inputs(at::IntArrayRef shape, std::initializer_list<at::Tensor> inputs) {
  for (const at::Tensor& input : inputs)
    if (!input.is_meta()) throw std::runtime_error("a tensor on " + input.device().str() + " met one on meta");
  return at::empty(shape, inputs.begin()->options());
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> layer_norm(const at::Tensor& x, c10::SymIntArrayRef,
                                                          const std::optional<at::Tensor>& weight,
                                                          const std::optional<at::Tensor>& bias, double) {
  const at::Tensor out = empty_like_inputs(x.sizes(), {x, *weight, *bias});
  return {out, out, out};
}

at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                       c10::SymIntArrayRef, c10::SymIntArrayRef padding, c10::SymIntArrayRef, bool, c10::SymIntArrayRef,
                       c10::SymInt) {
  std::vector<int64_t> shape = {x.size(0), weight.size(0)};  // every stride and dilation of the decoder is 1
  for (int64_t i = 2; i < x.dim(); ++i)
    shape.push_back(x.size(i) + 2 * padding[static_cast<size_t>(i - 2)].expect_int() - weight.size(i) + 1);
  return empty_like_inputs(shape, {x, weight, bias && bias->defined() ? *bias : x});
}

at::Tensor index_select(const at::Tensor& x, int64_t dim, const at::Tensor& index) {
  std::vector<int64_t> shape = x.sizes().vec();
  shape[static_cast<size_t>(dim < 0 ? dim + x.dim() : dim)] = index.numel();
  return empty_like_inputs(shape, {x, index});
}

at::Tensor softmax(const at::Tensor& x, int64_t, std::optional<at::ScalarType>) {
  return empty_like_inputs(x.sizes(), {x});
}

TORCH_LIBRARY_IMPL(aten, Meta, library) {
  library.impl("native_layer_norm", layer_norm);
  library.impl("convolution_overrideable", convolution);
  library.impl("index_select", index_select);
  library.impl("_safe_softmax", softmax);
}

class MetaDevice : public testing::TestWithParam<std::string> {
 protected:
  c10::InferenceMode inference;
  Golden golden{GetParam()};
  ModelSpec spec = read_model(golden.directory);
  const Family& family = family_named(spec.family);
  nn::Target target{at::kBFloat16, at::kMeta};
};

TEST_P(MetaDevice, ADenoisingStepRuns) {
  const auto dit = family.load_denoiser(spec, diffusion::Expert::high_noise, {}, target, {}, {});
  const at::Tensor text = golden["text.positive.embeds"];
  dit->begin({.prompt = text, .negative = text.narrow(0, 0, 1)});  // text rows come from the processor
  const int64_t channels = spec.geometry.channels;
  for (const bool guided : {false, true}) {
    const auto velocities =
        dit->velocity(at::empty({channels, 2, 8, 8}, at::TensorOptions().device(at::kMeta)), 500, guided);
    EXPECT_TRUE(velocities.cond.is_meta());
    EXPECT_EQ(velocities.cond.sizes(), at::IntArrayRef({channels, 2, 8, 8}));
  }
}

TEST_P(MetaDevice, ADecodeRuns) {
  weights::WeightStore store(spec.directory / "vae", {"diffusion_pytorch_model"});
  const Json json = read_json_file(spec.directory / "vae/config.json");
  const VaeDecoder decoder(nn::Scope(store), parse_vae_config(JsonObject(json, "vae")), target);
  int64_t frames = 0;
  // The latent itself lies on the processor; three latent frames use every cache.
  decoder.decode_values(at::empty({spec.geometry.channels, 3, 4, 4}, at::kFloat), {}, [&](const at::Tensor& values) {
    EXPECT_TRUE(values.is_meta());
    frames += values.size(0);
  });
  EXPECT_EQ(frames, 2 * spec.geometry.temporal + 1);
}

TEST_P(MetaDevice, TheTextEncoderRuns) {
  const auto encoder = family.load_text_encoder(spec, target, /*stream=*/true);
  const auto encoded = encoder->encode({{.ids = {3, 4, 1}, .dropped = 0}});
  EXPECT_TRUE(encoded.front().states.is_meta());
}

INSTANTIATE_TEST_SUITE_P(Golden, MetaDevice, test::golden_cases(), test::golden_case_name);

}  // namespace
}  // namespace soragen::families::wan
