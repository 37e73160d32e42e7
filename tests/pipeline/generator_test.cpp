// Whole films against the Python reference: prompt and seed in, latents and frames out, every golden run.
#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/stack.h>

#include <fmt/format.h>

#include <cmath>

#include "pipeline/generator.h"
#include "pipeline/options.h"
#include "support/deep_model.h"
#include "support/golden.h"

namespace soragen::pipeline {
namespace {

using test::Golden;

// Keeps the frames.
class FrameList : public FrameSink {
 public:
  void push(const Frame& frame) override { frames.push_back(frame); }
  void finish() override { finished = true; }
  void abort() noexcept override {}
  std::vector<Frame> frames;
  bool finished = false;
};

Hardware plain_machine() {
  return {.cpu = "test", .has_fast_bf16 = false, .bf16_reason = "none", .threads = 2, .memory = int64_t{4} << 30};
}

// The options with which scripts/make_golden.py ran the reference.
Request golden_request(const Json& info, const Json& run) {
  Request request = parse_request({{"prompt", info["prompt"]},
                                   {"size", fmt::format("{}x{}", info["width"].get<int>(), info["height"].get<int>())},
                                   {"frames", run["frames"]},
                                   {"seed", info["seed"]},
                                   {"guidance", info["guidance"]},
                                   {"guidance_2", info["guidance_2"]},
                                   {"negative_prompt", info["negative_prompt"]}},
                                  "golden.json");
  if (info.contains("dmd_timesteps") && !info["dmd_timesteps"].is_null()) {
    set_option(request, "timesteps", info["dmd_timesteps"]);
    set_option(request, "shift", info["dmd_shift"]);
    set_option(request, "solver", "dmd");
  } else {
    set_option(request, "steps", run["steps"]);
  }
  return request;
}

double psnr(const Frame& frame, const at::Tensor& expected) {  // uint8 [H, W, 3]
  const at::Tensor ours = at::from_blob(const_cast<uint8_t*>(frame.rgb.data()), expected.sizes(), at::kByte);
  const double mse = (ours.to(at::kDouble) - expected.to(at::kDouble)).square().mean().item<double>();
  return mse == 0 ? 99.0 : 10.0 * std::log10(255.0 * 255.0 / mse);
}

class FilmCase : public testing::TestWithParam<std::string> {};

TEST_P(FilmCase, EveryRunEqualsTheReference) {
  const Golden golden(GetParam());
  const families::ModelSpec spec = open_model(golden.directory);
  Generator generator(spec, /*keep_loaded=*/true);
  for (const Json& run : golden.info["runs"]) {
    const auto name = run["name"].get<std::string>();
    SCOPED_TRACE(name);
    const Plan plan = make_plan(golden_request(golden.info, run), spec, plain_machine());
    const at::Tensor latent = generator.denoise(plan, {});
    EXPECT_LT(test::relative_difference(latent, golden[name + ".latent"]), 1e-4);
    test::expect_golden(latent, golden, name + ".latent");

    FrameList film;
    generator.decode(plan, latent, film, {});
    ASSERT_TRUE(film.finished);
    ASSERT_EQ(film.frames.size(), run["frames"].get<size_t>());
    if (golden.has(name + ".video")) {
      const at::Tensor video = golden[name + ".video"];
      for (int64_t t = 0; t < video.size(0); ++t)
        EXPECT_GE(psnr(film.frames[static_cast<size_t>(t)], video[t]), 60.0) << "frame " << t;
    } else {
      if (golden.has(name + ".first_frame")) {
        EXPECT_GE(psnr(film.frames.front(), golden[name + ".first_frame"]), 60.0);
      }
      if (golden.has(name + ".last_frame")) {
        EXPECT_GE(psnr(film.frames.back(), golden[name + ".last_frame"]), 60.0);
      }
    }
  }
}

// The blocks' place changes no bit of a film, nor does a second film after it; both experts are streamed.
TEST_P(FilmCase, StreamedBlocksMakeTheSameFilm) {
  const Golden golden(GetParam());
  constexpr int64_t kLayers = 4;
  const test::DeepModel model(golden.directory, kLayers);
  const families::ModelSpec spec = open_model(model.path());
  Plan plan = make_plan(golden_request(golden.info, golden.info["runs"][0]), spec, plain_machine());
  Generator generator(spec, /*keep_loaded=*/true);
  const at::Tensor whole = generator.denoise(plan, {});
  for (const int64_t resident : {int64_t{0}, int64_t{1}, kLayers - 1}) {
    plan.denoise_blocks = {.resident = resident, .streamed = kLayers - resident, .is_from_file = true};
    EXPECT_TRUE(at::equal(generator.denoise(plan, {}), whole)) << resident << " resident";
  }
}

TEST(Generator, FreesWhatIsLoadedWhenTheNextFilmNeedsTheRoom) {
  const Golden golden("wan21-tiny");
  const families::ModelSpec spec = open_model(golden.directory);
  const Plan plan = make_plan(golden_request(golden.info, golden.info["runs"][0]), spec, plain_machine());
  Generator generator(spec, /*keep_loaded=*/true);
  const auto loads = [&] {
    generator.denoise(plan, {});
    return generator.take_timings().contains("load");
  };
  EXPECT_TRUE(loads());
  generator.keep_loaded(true);
  EXPECT_FALSE(loads());
  generator.keep_loaded(false);
  EXPECT_TRUE(loads());
  EXPECT_TRUE(loads());
}

// A batch whose films differ in precision makes the films that each would have been alone.
TEST_P(FilmCase, EveryPartFollowsThePrecisionOfItsFilm) {
  const Golden golden(GetParam());
  const families::ModelSpec spec = open_model(golden.directory);
  Plan exact = make_plan(golden_request(golden.info, golden.info["runs"][0]), spec, plain_machine()), coarse = exact;
  coarse.text_target.dtype = coarse.denoise_target.dtype = coarse.decode_target.dtype = at::kBFloat16;
  const auto make = [](Generator& generator, const Plan& plan) {
    FrameList film;
    const at::Tensor latent = generator.denoise(plan, {});
    generator.decode(plan, latent, film, {});
    return std::pair(latent, film.frames);
  };
  const auto alone = [&](const Plan& plan) {
    Generator generator(spec, /*keep_loaded=*/false);
    return make(generator, plan);
  };
  Generator generator(spec, /*keep_loaded=*/true);
  generator.encode_ahead({coarse, exact}, {});
  for (const Plan* plan : {&coarse, &exact, &coarse}) {
    const auto [expected_latent, expected_frames] = alone(*plan);
    const auto [latent, frames] = make(generator, *plan);
    EXPECT_TRUE(at::equal(latent, expected_latent));
    ASSERT_EQ(frames.size(), expected_frames.size());
    for (size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(frames[i].rgb, expected_frames[i].rgb) << "frame " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, FilmCase, test::golden_cases(), test::golden_case_name);

}  // namespace
}  // namespace soragen::pipeline
