// Streamed blocks against resident ones: the same bits, and no more of them in memory than was asked for.
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>

#include "families/registry/registry.h"
#include "families/wan/config.h"
#include "families/wan/dit.h"
#include "support/deep_model.h"
#include "support/expect_error.h"
#include "support/golden.h"

namespace soragen::families::wan {
namespace {

using diffusion::Expert;
using test::Golden;

class StreamedBlocks : public testing::TestWithParam<std::string> {
 protected:
  // Both branches at two noise levels, as a film's steps follow each other; `at` [C, T, H, W].
  static std::vector<at::Tensor> velocities(diffusion::Denoiser& dit, const Golden& golden, const at::Tensor& at) {
    const at::Tensor text = golden["text.positive.embeds"];
    dit.begin({.prompt = text, .negative = text.narrow(0, 0, 1)});
    std::vector<at::Tensor> found;
    for (const double timestep : {900.0, 300.0})
      for (const bool guided : {true, false}) {
        const auto velocity = dit.velocity(at, timestep, guided);
        found.push_back(velocity.cond);
        if (guided) found.push_back(velocity.uncond);
      }
    return found;
  }
  static void expect_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i], b[i])) << "velocity " << i;
  }

  c10::InferenceMode inference;
  Golden golden{GetParam()};
};

TEST_P(StreamedBlocks, HaveTheBitsOfResidentOnes) {
  constexpr int64_t kLayers = 5;
  const test::DeepModel model(golden.directory, kLayers);
  const ModelSpec spec = read_model(model.path());
  const Family& family = family_named(spec.family);
  const at::Tensor latent = at::randn({spec.geometry.channels, 2, 8, 8});
  for (const Expert expert : {Expert::high_noise, Expert::low_noise}) {
    if (expert == Expert::low_noise && !spec.boundary_ratio) continue;
    const auto load = [&](const nn::Residency& residency, const nn::Target& target) {
      return family.load_denoiser(spec, expert, {}, target, residency, {});
    };
    for (const nn::Target& target : {nn::Target{at::kFloat}, nn::Target{at::kBFloat16},
                                     nn::Target{.dtype = at::kBFloat16, .weights = ops::WeightForm::int8}}) {
      const auto resident = velocities(*load({}, target), golden, latent);
      for (const int64_t kept : {int64_t{0}, int64_t{1}, kLayers - 1, kLayers})
        expect_equal(velocities(*load({.resident = kept}, target), golden, latent), resident);
    }
  }
}

// So long a film that its branches follow each other.
TEST_P(StreamedBlocks, ServeBranchesInTurn) {
  const test::DeepModel model(golden.directory, 3);
  const ModelSpec spec = read_model(model.path());
  const Family& family = family_named(spec.family);
  const at::Tensor latent = at::randn({spec.geometry.channels, 3, 56, 56});  // 2352 tokens
  const auto load = [&](const nn::Residency& residency) {
    return family.load_denoiser(spec, Expert::high_noise, {}, {at::kFloat, at::kCPU}, residency, {});
  };
  expect_equal(velocities(*load({.resident = 1}), golden, latent), velocities(*load({}), golden, latent));
}

// Bytes from the file's header against those that were held. From the file there is one block beside the resident
// ones, from the machine's memory there are two.
TEST_P(StreamedBlocks, HoldNoMoreThanPlanned) {
  constexpr int64_t kLayers = 6;
  const test::DeepModel model(golden.directory, kLayers);
  const auto store = std::make_shared<const weights::WeightStore>(model.path() / "transformer",
                                                                  std::vector<std::string>{"diffusion_pytorch_model"});
  const std::string where = (model.path() / "transformer/config.json").string();
  const Json json = read_json_file(where);
  const DitConfig config = parse_dit_config(JsonObject(json, where));
  int64_t block = 0;
  for (const auto& [name, view] : store->tensors())
    if (name.starts_with("blocks.0.")) block += static_cast<int64_t>(view.bytes.size());

  for (int64_t resident = 0; resident <= kLayers; ++resident)
    for (const bool keeps_on_host : {false, true}) {
      const nn::Residency residency{.resident = resident, .keeps_on_host = keeps_on_host};
      // The processor's products want an order of their own, so that only another device copies.
      const nn::Target target{at::kFloat, keeps_on_host ? at::kMeta : at::kCPU};
      Dit dit(nn::Scope(*store), config, 512, target, block_source(store, config, residency, target));
      const at::Tensor text = golden["text.positive.embeds"];
      dit.begin({.prompt = text, .negative = {}});
      dit.velocity(at::randn({config.in_channels, 2, 8, 8}, target.device), 500, false);
      const int64_t buffers = std::min<int64_t>(keeps_on_host ? 2 : 1, kLayers - resident);
      EXPECT_EQ(dit.blocks().peak_bytes(), (resident + buffers) * block) << resident << " resident";
    }
}

TEST_P(StreamedBlocks, MissingTensorsAreKnownFromTheStart) {
  const test::DeepModel model(golden.directory, 3);
  const std::filesystem::path config = model.path() / "transformer/config.json";
  Json json = read_json_file(config);
  json["num_layers"] = 4;
  std::ofstream(config) << json;
  const ModelSpec spec = read_model(model.path());
  const auto load = [&] {
    return family_named(spec.family)
        .load_denoiser(spec, Expert::high_noise, {}, {at::kFloat, at::kCPU}, {.resident = 0}, {});
  };
  EXPECT_ERROR(load(), ErrorKind::input, "blocks.3.");
}

INSTANTIATE_TEST_SUITE_P(Golden, StreamedBlocks, test::golden_cases(), test::golden_case_name);

// What a LoRA adds is in a streamed block as in a resident one.
TEST(StreamedBlocksWithLora, HaveTheBitsOfResidentOnes) {
  const c10::InferenceMode inference;
  const Golden golden("lora");
  for (const Json& run : golden.info["cases"]) {
    SCOPED_TRACE(run.dump());
    const Golden base(run["base"].get<std::string>());
    const ModelSpec spec = read_model(base.directory);
    std::vector<Adapter> adapters;
    for (const Json& file : run["files"])
      adapters.push_back({.file = golden.directory / (file[0].get<std::string>() + ".safetensors"),
                          .strength = file[1].get<double>()});
    const auto velocity = [&](const nn::Residency& residency) {
      const auto dit = family_named(spec.family)
                           .load_denoiser(spec, Expert::high_noise, adapters, {at::kFloat, at::kCPU}, residency, {});
      dit->begin({.prompt = base["text.positive.embeds"], .negative = {}});
      return dit->velocity(base["f5s8.noise"], 500, false).cond;
    };
    const at::Tensor resident = velocity({});
    for (const int64_t kept : {0, 1}) EXPECT_TRUE(at::equal(velocity({.resident = kept}), resident));
  }
}

}  // namespace
}  // namespace soragen::families::wan
