#include "diffusion/denoise.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/cancellation.h"
#include "diffusion/golden.h"
#include "support/expect_error.h"

namespace soragen::diffusion {
namespace {

// The model of the golden runs, which writes down every evaluation.
class FakeDenoiser : public Denoiser {
 public:
  FakeDenoiser(std::string expert, std::vector<std::string>& calls) : expert_(std::move(expert)), calls_(calls) {}

  void begin(const Conditioning& conditioning) override {
    EXPECT_TRUE(conditioning.prompt.defined());
    ++begun;
  }
  Velocities velocity(const at::Tensor& latent, double timestep, bool guided) override {
    EXPECT_EQ(begun, 1);
    Velocities velocities{.cond = answer(latent, timestep, "prompt")};
    if (guided) velocities.uncond = answer(latent, timestep, "negative");
    return velocities;
  }

  int begun = 0;

 private:
  at::Tensor answer(const at::Tensor& latent, double timestep, const std::string& text) {
    calls_.push_back(expert_ + " " + text);
    return test::golden_velocity(latent, timestep, test::golden().at("waves").at(calls_.back()).get<double>());
  }

  std::string expert_;
  std::vector<std::string>& calls_;
};

// A model whose answers are given by a function of the step.
class ScriptedDenoiser : public Denoiser {
 public:
  using Script = std::function<Velocities(int call, const at::Tensor& latent)>;
  explicit ScriptedDenoiser(Script script) : script_(std::move(script)) {}
  void begin(const Conditioning&) override {}
  Velocities velocity(const at::Tensor& latent, double, bool) override { return script_(calls++, latent); }
  int calls = 0;

 private:
  Script script_;
};

Sampling sampling(const std::string& solver, int64_t steps, Guidance guidance = {}) {
  const SchedulerConfig config{.solver = solver, .shift = 3.0};
  return {.scheduler = config, .schedule = make_schedule(config, steps), .guidance = guidance};
}

at::Tensor run(const Sampling& sampling, Denoiser& model, const ProgressFn& progress = {}) {
  NoiseSource source(3);
  const at::Tensor noise = source.draw({2, 2, 4, 4});
  return denoise(
      sampling, noise, {.prompt = at::ones({1, 1})}, [&](Expert) -> Denoiser& { return model; }, source, progress);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// Seed to final latent, with the evaluations that WanPipeline made on the way.
TEST(Denoise, EqualsThePipeline) {
  const test::GoldenTensors tensors("schedules/trajectories.safetensors");
  for (const Json& golden : test::golden().at("pipelines")) {
    const std::string name = golden.at("name");
    const SchedulerConfig config = test::config_of(golden);
    const double guidance = golden.at("guidance");
    Sampling sampling{.scheduler = config, .schedule = make_schedule(config, golden.at("steps").get<int64_t>())};
    sampling.guidance = {
        .high_noise = guidance,
        .low_noise = golden.at("guidance_2").is_null() ? guidance : golden.at("guidance_2").get<double>()};
    if (!golden.at("boundary_ratio").is_null())
      sampling.boundary_timestep = golden.at("boundary_ratio").get<double>() * 1000;

    std::vector<std::string> calls;
    FakeDenoiser high("high", calls), low("low", calls);
    NoiseSource source(test::golden().at("seed").get<uint64_t>());
    const at::Tensor noise = tensors.at("noise");
    EXPECT_TRUE(source.draw(noise.sizes()).equal(noise) || !test::draws_golden_noise());
    const at::Tensor latent = denoise(
        sampling, noise, {.prompt = at::ones({1, 1})},
        [&](Expert expert) -> Denoiser& { return expert == Expert::high_noise ? high : low; }, source);

    EXPECT_EQ(calls, golden.at("calls").get<std::vector<std::string>>()) << golden;
    const at::Tensor reference = tensors.at(name + ".float32"), exact = tensors.at(name + ".float64");
    const int64_t last = exact.size(0) - 1;
    EXPECT_LE(largest_difference(latent.flatten(), exact[last]), 2.0 * largest_difference(reference, exact)) << golden;
  }
}

// Step cache and guidance interval against the loop that scripts/make_golden_levers.py wrote in numpy.
TEST(Denoise, LeversEqualTheNumpyLoop) {
  const Json golden = read_json_file(test::golden_folder() / "levers.json");
  const auto shape = golden.at("shape").get<std::vector<int64_t>>();
  const at::Tensor noise = at::tensor(golden.at("noise").get<std::vector<double>>()).to(at::kFloat).view(shape);
  for (const Json& run : golden.at("cases")) {
    SCOPED_TRACE(run.at("margin").dump() + " " + run.at("steps").dump());
    const auto steps = run.at("steps").get<int64_t>();
    const SchedulerConfig config{.solver = "euler", .shift = run.at("shift").get<double>()};
    Sampling sampling{.scheduler = config, .schedule = make_schedule(config, steps)};
    sampling.guidance = {.high_noise = run.at("guidance")[0], .low_noise = run.at("guidance")[1]};
    if (run.contains("interval")) {
      const auto step_at = [&](int end) { return std::lround(run.at("interval")[end].get<double>() * double(steps)); };
      sampling.guidance.first_step = static_cast<size_t>(step_at(0));
      sampling.guidance.end_step = static_cast<size_t>(step_at(1));
      sampling.guidance.keeps_difference = run.value("reuse", false);
    }
    if (run.contains("boundary")) sampling.boundary_timestep = run.at("boundary").get<double>() * 1000;
    sampling.step_cache = run.value("cache", 0.0);

    std::vector<std::string> calls;
    FakeDenoiser high("high", calls), low("low", calls);
    NoiseSource source(0);
    const at::Tensor latent = denoise(
        sampling, noise, {.prompt = at::ones({1, 1})},
        [&](Expert expert) -> Denoiser& { return expert == Expert::high_noise ? high : low; }, source);
    EXPECT_EQ(calls, run.at("calls").get<std::vector<std::string>>());
    const at::Tensor exact = at::tensor(run.at("latent").get<std::vector<double>>(), at::kDouble).view(shape);
    EXPECT_LE(largest_difference(latent, exact), 2.0 * run.at("max_abs").get<double>());
  }
}

TEST(Denoise, NamesTheStepWhereNanBegan) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    ScriptedDenoiser model([&](int call, const at::Tensor& latent) {
      at::Tensor velocity = latent.clone();
      if (call == 2) velocity[1][0][2][3] = bad;
      return Velocities{.cond = velocity};
    });
    EXPECT_ERROR(run(sampling("unipc", 8), model), ErrorKind::input, "step 3 of 8");
    ScriptedDenoiser again(
        [&](int call, const at::Tensor& latent) { return Velocities{.cond = call == 2 ? latent * bad : latent}; });
    EXPECT_ERROR(run(sampling("euler", 8), again), ErrorKind::input, "the velocity for the prompt");
  }
}

TEST(Denoise, TellsTheNegativePromptsNanFromThePrompts) {
  ScriptedDenoiser model([](int, const at::Tensor& latent) {
    return Velocities{.cond = latent, .uncond = latent * std::numeric_limits<float>::quiet_NaN()};
  });
  EXPECT_ERROR(run(sampling("unipc", 2, {.high_noise = 5.0}), model), ErrorKind::input, "for the negative prompt");
}

TEST(Denoise, TellsTheSolversOverflowFromTheModels) {
  ScriptedDenoiser model(
      [](int, const at::Tensor& latent) { return Velocities{.cond = latent * 1e30, .uncond = latent * -1e30}; });
  EXPECT_ERROR(run(sampling("euler", 2, {.high_noise = 1e30}), model), ErrorKind::input, "the latent after the solver");
}

TEST(Denoise, StopsBetweenStepsWhenCancelled) {
  ScriptedDenoiser model([](int call, const at::Tensor& latent) {
    if (call == 1) request_cancellation();
    return Velocities{.cond = latent};
  });
  EXPECT_ERROR(run(sampling("unipc", 8), model), ErrorKind::interrupted, "");
  EXPECT_EQ(model.calls, 2);
  reset_cancellation();
}

TEST(Denoise, ReportsEveryStep) {
  ScriptedDenoiser model([](int, const at::Tensor& latent) { return Velocities{.cond = latent}; });
  std::vector<int> done;
  run(sampling("euler", 3), model, [&](const Progress& progress) {
    EXPECT_EQ(progress.stage, Stage::denoise);
    EXPECT_EQ(progress.total, 3);
    done.push_back(progress.done);
  });
  EXPECT_EQ(done, (std::vector<int>{0, 1, 2, 3}));
}

TEST(Denoise, AsksForAnExpertOncePerChange) {
  ScriptedDenoiser model([](int, const at::Tensor& latent) { return Velocities{.cond = latent}; });
  Sampling two = sampling("unipc", 8);
  two.boundary_timestep = 875.0;
  std::vector<Expert> asked;
  NoiseSource source(3);
  const auto expert = [&](Expert needed) -> Denoiser& {
    asked.push_back(needed);
    return model;
  };
  denoise(two, source.draw({2, 2, 4, 4}), {.prompt = at::ones({1, 1})}, expert, source);
  EXPECT_EQ(asked, (std::vector<Expert>{Expert::high_noise, Expert::low_noise}));
}

// The boundary itself still belongs to the high-noise model.
TEST(Denoise, TheBoundaryBelongsToHighNoise) {
  const Sampling two{.boundary_timestep = 875.0};
  EXPECT_EQ(expert_at(two, 875.0), Expert::high_noise);
  EXPECT_EQ(expert_at(two, 874.0), Expert::low_noise);
  EXPECT_EQ(expert_at({}, 1.0), Expert::high_noise);
}

}  // namespace
}  // namespace soragen::diffusion
