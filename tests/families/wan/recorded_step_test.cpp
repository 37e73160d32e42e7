// A small film's step as a recording against the step itself: whatever differs from step to step and from film to film
// must go through the recording's inputs, or begin it anew.
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>

#include "families/registry/registry.h"
#include "support/golden.h"
#include "support/graphs_of_the_processor.h"

namespace soragen::families::wan {
namespace {

using diffusion::Expert;
using test::Golden;

class RecordedStep : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<diffusion::Denoiser> load(const nn::Residency& residency) {
    return family_named(spec.family).load_denoiser(spec, Expert::high_noise, {}, {at::kFloat}, residency, {});
  }

  // Two films of three steps with guidance and two without, as denoise() asks for them.
  std::vector<at::Tensor> films(diffusion::Denoiser& dit, const std::vector<at::Tensor>& latents) {
    const at::Tensor text = golden["text.positive.embeds"];
    std::vector<at::Tensor> found;
    for (const int64_t words : {text.size(0), text.size(0) - 1}) {
      dit.begin({.prompt = text.narrow(0, 0, words), .negative = text.narrow(0, 0, 1)});
      for (size_t step = 0; step < latents.size(); ++step) {
        const bool guided = step < 3;
        const auto velocity = dit.velocity(latents[step], 900.0 - 100.0 * static_cast<double>(step), guided);
        found.push_back(velocity.cond);
        if (guided) found.push_back(velocity.uncond);
      }
    }
    return found;
  }

  c10::InferenceMode inference;
  Golden golden{GetParam()};
  ModelSpec spec = read_model(golden.directory);
};

TEST_P(RecordedStep, HasTheBitsOfTheStep) {
  std::vector<at::Tensor> latents;
  for (int step = 0; step < 5; ++step) latents.push_back(at::randn({spec.geometry.channels, 2, 8, 8}));
  const std::vector<at::Tensor> plain = films(*load({}), latents);
  const test::ProcessorGraphs graphs;
  const std::vector<at::Tensor> recorded = films(*load({}), latents);
  EXPECT_EQ(graphs.recorded(), 4);  // of each film one with guidance and one without
  EXPECT_EQ(graphs.alive(), 0);
  ASSERT_EQ(recorded.size(), plain.size());
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_TRUE(at::equal(recorded[i], plain[i])) << "velocity " << i;
}

TEST_P(RecordedStep, IsForSmallFilmsOfResidentBlocks) {
  const test::ProcessorGraphs graphs;
  films(*load({.resident = 0}), std::vector(2, at::randn({spec.geometry.channels, 2, 8, 8})));
  EXPECT_EQ(graphs.recorded(), 0);
  films(*load({}), std::vector(2, at::randn({spec.geometry.channels, 3, 56, 56})));  // 2352 tokens
  EXPECT_EQ(graphs.recorded(), 0);
}

INSTANTIATE_TEST_SUITE_P(Golden, RecordedStep, test::golden_cases(), test::golden_case_name);

}  // namespace
}  // namespace soragen::families::wan
