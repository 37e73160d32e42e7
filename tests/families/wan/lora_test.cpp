// LoRA files merged while loading against load_lora_weights and fuse_lora of diffusers with PEFT, see
// scripts/make_golden_lora.py.
#include <c10/core/InferenceMode.h>

#include "families/registry/registry.h"
#include "families/wan/names.h"
#include "support/golden.h"

namespace soragen {
namespace {

using test::Golden;

// Every tensor of a transformer against diffusers' own converter.
TEST(OriginalNames, EqualTheConverters) {
  const Golden golden("lora");
  for (const auto& [original, ours] : golden.info["original_names"].items())
    EXPECT_EQ(families::wan::original_name(ours.get<std::string>()), original);
}

TEST(LoraFiles, VelocitiesEqualTheReference) {
  const c10::InferenceMode inference;
  const Golden golden("lora");
  for (const Json& run : golden.info["cases"]) {
    SCOPED_TRACE(run.dump());
    const Golden base(run["base"].get<std::string>());
    const families::ModelSpec spec = families::read_model(base.directory);
    const auto expert = run["expert"] == "low" ? diffusion::Expert::low_noise : diffusion::Expert::high_noise;
    std::vector<families::Adapter> adapters;
    for (const Json& file : run["files"])
      if (file[2] == "" || file[2] == run["expert"])
        adapters.push_back({.file = golden.directory / (file[0].get<std::string>() + ".safetensors"),
                            .strength = file[1].get<double>()});
    const auto dit =
        families::family_named(spec.family).load_denoiser(spec, expert, adapters, {at::kFloat, at::kCPU}, {}, {});
    dit->begin({.prompt = base["text.positive.embeds"], .negative = {}});
    const auto velocities = dit->velocity(base["f5s8.noise"], base["f5s8.timesteps"][0].item<double>(), false);
    EXPECT_LE(test::max_difference(velocities.cond, golden[run["name"].get<std::string>()]),
              test::allowed(run["max_abs"].get<double>()));
  }
}

}  // namespace
}  // namespace soragen
