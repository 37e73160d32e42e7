// Velocities, latents and films against the Python reference, on tiny checkpoints of every variant.
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include "diffusion/denoise.h"
#include "families/registry/registry.h"
#include "support/golden.h"

namespace soragen {
namespace {

using test::Golden;

diffusion::Conditioning conditioning(const Golden& golden) {
  return {.prompt = golden["text.positive.embeds"],
          .negative = golden.has("text.negative.embeds") ? golden["text.negative.embeds"] : at::Tensor()};
}

class DitCase : public testing::TestWithParam<std::string> {
 protected:
  c10::InferenceMode inference;
  Golden golden{GetParam()};
  families::ModelSpec spec = families::read_model(golden.directory);
  const families::Family& family = families::family_named(spec.family);
  std::string run() const {
    for (const auto& run : golden.info["runs"])
      if (run["traced"].get<bool>()) return run["name"].get<std::string>();
    return "";
  }
  std::unique_ptr<diffusion::Denoiser> load(diffusion::Expert expert = diffusion::Expert::high_noise) {
    return family.load_denoiser(spec, expert, {}, {at::kFloat, at::kCPU}, {}, {});
  }
};

TEST_P(DitCase, FirstVelocitiesEqualTheReference) {
  const auto dit = load();
  dit->begin(conditioning(golden));
  const std::string name = run();
  const bool guided = golden.has(name + ".step0.velocity_uncond");
  const auto velocities = dit->velocity(golden[name + ".noise"], golden[name + ".timesteps"][0].item<double>(), guided);
  test::expect_golden(velocities.cond, golden, name + ".step0.velocity_cond");
  if (guided) test::expect_golden(velocities.uncond, golden, name + ".step0.velocity_uncond");
}

INSTANTIATE_TEST_SUITE_P(Golden, DitCase, test::golden_cases(), test::golden_case_name);

}  // namespace
}  // namespace soragen
