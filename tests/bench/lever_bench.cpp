// What the step cache, the guidance interval and weights in 8 bits save and what they cost: films of one seed against
// the exact ones.
//
//   soragen_bench_levers DIR [--prompt TEXT]... [--seeds N] [--steps N] [--solver NAME] [--dtype fp32] [--threads 1]
//
// Everything runs in one process, film by film in turn, so the ratios are those of one machine in one state.
// "evaluations" counts the transformer's passes for one branch and does not depend on the machine; seconds are
// those of denoising alone. PSNR is over the whole film in 8 bits; distance is |latent - exact| / |exact|.
// The prompts are soragen.json's examples where it has some. Prints a Markdown table.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>

#include "core/json.h"
#include "families/registry/registry.h"
#include "pipeline/generator.h"
#include "pipeline/hardware.h"
#include "pipeline/options.h"
#include "pipeline/vocabulary.h"
#include "text/clean.h"
#include "text/tokenizer.h"

namespace soragen {
namespace {

using diffusion::Expert;

struct Options {
  std::string directory;
  std::vector<std::string> prompts;
  int64_t seeds = 1;
  Json request = {{"dtype", "fp32"}, {"threads", 1}};  // the other flags, which are those of generate
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (!name.starts_with("--")) {
      options.directory = name;
      continue;
    }
    if (i + 1 == argc) throw std::runtime_error(name + " needs a value");
    const std::string value = argv[++i];
    if (name == "--prompt")
      options.prompts.push_back(value);
    else if (name == "--seeds")
      options.seeds = std::stoll(value);
    else
      options.request[name.substr(2)] = value;
  }
  if (options.directory.empty()) throw std::runtime_error("usage: soragen_bench_levers DIR [--option value ...]");
  return options;
}

struct Lever {
  std::string name;
  Json options;
};

const std::vector<Lever> kLevers = {
    {"exact", Json::object()},
    {"--step-cache 0.05", {{"step_cache", 0.05}}},
    {"--step-cache 0.1", {{"step_cache", 0.1}}},
    {"--step-cache 0.2", {{"step_cache", 0.2}}},
    {"--guidance-interval 0-0.5:reuse", {{"guidance_interval", "0-0.5:reuse"}}},
    {"--guidance-interval 0-0.5", {{"guidance_interval", "0-0.5"}}},
    {"--guidance-interval 0-0.75", {{"guidance_interval", "0-0.75"}}},
    {"--guidance-interval 0.1-0.8", {{"guidance_interval", "0.1-0.8"}}},
    {"both: 0-0.5:reuse, cache 0.1", {{"guidance_interval", "0-0.5:reuse"}, {"step_cache", 0.1}}},
    {"--weights int8", {{"weights", "int8"}}},
    {"half the steps", Json::object()},  // what the same time would give without any of this
};

// Passes everything on and counts.
class Counting : public diffusion::Denoiser {
 public:
  explicit Counting(std::unique_ptr<diffusion::Denoiser> model) : model_(std::move(model)) {}
  void begin(const diffusion::Conditioning& conditioning) override { model_->begin(conditioning); }
  diffusion::Velocities velocity(const at::Tensor& latent, double timestep, bool guided) override {
    evaluations += guided ? 2 : 1;
    return model_->velocity(latent, timestep, guided);
  }
  int64_t evaluations = 0;

 private:
  std::unique_ptr<diffusion::Denoiser> model_;
};

class Pixels : public FrameSink {
 public:
  void push(const Frame& frame) override { bytes.insert(bytes.end(), frame.rgb.begin(), frame.rgb.end()); }
  void finish() override {}
  void abort() noexcept override {}
  std::vector<uint8_t> bytes;
};

double psnr(const std::vector<uint8_t>& film, const std::vector<uint8_t>& exact) {
  double sum = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    const double difference = double(film[i]) - double(exact[i]);
    sum += difference * difference;
  }
  return sum == 0 ? 99.0 : 10.0 * std::log10(255.0 * 255.0 / (sum / double(exact.size())));
}

struct Film {
  at::Tensor latent;
  std::vector<uint8_t> pixels;
  int64_t evaluations = 0;
  double seconds = 0;
};

struct Total {
  double evaluations = 0, seconds = 0, psnr = 0, worst = 1e9, distance = 0;
  void add(const Film& film, const Film& exact) {
    const double decibels = soragen::psnr(film.pixels, exact.pixels);
    evaluations += double(film.evaluations);
    seconds += film.seconds;
    psnr += decibels;
    worst = std::min(worst, decibels);
    distance +=
        (at::linalg_vector_norm(film.latent - exact.latent) / at::linalg_vector_norm(exact.latent)).item<double>();
  }
};

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options),
        spec_(families::read_model(options.directory)),
        generator_(spec_, /*keep_loaded=*/true),  // for decoding
        tokenizer_(spec_.directory / "tokenizer") {
    if (spec_.boundary_ratio) throw std::runtime_error("a checkpoint with one transformer, please");
    if (options_.prompts.empty())
      if (const auto vocabulary = pipeline::read_vocabulary(spec_)) options_.prompts = vocabulary->examples;
    if (options_.prompts.empty()) throw std::runtime_error("soragen.json has no examples; give --prompt");
    const pipeline::Plan plan = plan_of(options_.prompts[0], 0, kLevers[0]);
    const families::Family& family = families::family_named(spec_.family);
    at::set_num_threads(static_cast<int>(plan.threads));
    encoder_ = family.load_text_encoder(spec_, plan.text_target, false);
    for (const ops::WeightForm form : {ops::WeightForm::full, ops::WeightForm::int8}) {
      nn::Target target = plan.denoise_target;
      target.weights = form;
      models_.try_emplace(form, family.load_denoiser(spec_, Expert::high_noise, {}, target, {}, {}));
    }
  }

  void run() {
    std::vector<Total> totals(kLevers.size());
    int64_t films = 0;
    make(options_.prompts[0], 0, kLevers[0]);  // not counted
    for (const std::string& prompt : options_.prompts)
      for (int64_t seed = 0; seed < options_.seeds; ++seed, ++films) {
        const Film exact = make(prompt, seed, kLevers[0]);
        totals[0].add(exact, exact);
        for (size_t i = 1; i < kLevers.size(); ++i) totals[i].add(make(prompt, seed, kLevers[i]), exact);
      }
    const pipeline::Plan plan = plan_of(options_.prompts[0], 0, kLevers[0]);
    fmt::print("{} films of {}x{}, {} frames, {} steps of {}, guidance {}, {}, threads: {}\n\n", films, plan.size.width,
               plan.size.height, plan.frames, plan.sampling.schedule.steps(), plan.sampling.scheduler.solver,
               plan.sampling.guidance.high_noise, plan.stages[1].dtype, plan.threads);
    fmt::print("| | evaluations | fewer | denoising, s | faster | PSNR, dB: mean | worst | latents: distance |\n");
    fmt::print("|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < kLevers.size(); ++i) {
      const Total& total = totals[i];
      const auto mean = [&](double sum) { return sum / double(films); };
      fmt::print("| {} | {:.1f} | {:.2f}x | {:.3f} | {:.2f}x | {} | {} | {:.3f} |\n", kLevers[i].name,
                 mean(total.evaluations), totals[0].evaluations / total.evaluations, mean(total.seconds),
                 totals[0].seconds / total.seconds, i == 0 ? "-" : fmt::format("{:.1f}", mean(total.psnr)),
                 i == 0 ? "-" : fmt::format("{:.1f}", total.worst), mean(total.distance));
    }
  }

 private:
  pipeline::Plan plan_of(const std::string& prompt, int64_t seed, const Lever& lever) const {
    Json json = options_.request;
    json.update(lever.options);
    json.update({{"prompt", prompt}, {"seed", seed}});
    Request request = pipeline::parse_request(json, "lever");
    pipeline::Plan plan = pipeline::make_plan(request, spec_, hardware_);
    if (lever.name != kLevers.back().name) return plan;
    request.steps = static_cast<int64_t>(plan.sampling.schedule.steps()) / 2;
    return pipeline::make_plan(request, spec_, hardware_);
  }

  at::Tensor encode(const std::string& text) {
    return encoder_->encode({tokenizer_.encode(text::clean_prompt(text), spec_.text_tokens)}, {})[0].states;
  }

  Film make(const std::string& prompt, int64_t seed, const Lever& lever) {
    const pipeline::Plan plan = plan_of(prompt, seed, lever);
    diffusion::NoiseSource source(plan.seed);
    const at::Tensor noise = source.draw(plan.latent_shape);
    const diffusion::Conditioning conditioning{.prompt = encode(plan.prompt), .negative = encode(plan.negative_prompt)};
    Counting& model = models_.at(plan.denoise_target.weights);
    model.evaluations = 0;
    const auto start = std::chrono::steady_clock::now();
    Film film{.latent = diffusion::denoise(
                  plan.sampling, noise, conditioning, [&](Expert) -> diffusion::Denoiser& { return model; }, source)};
    film.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    film.evaluations = model.evaluations;
    Pixels pixels;
    generator_.decode(plan, film.latent, pixels, {});
    film.pixels = std::move(pixels.bytes);
    return film;
  }

  Options options_;
  families::ModelSpec spec_;
  pipeline::Hardware hardware_ = pipeline::detect_hardware();
  pipeline::Generator generator_;
  text::Tokenizer tokenizer_;
  std::unique_ptr<text::TextEncoder> encoder_;
  std::map<ops::WeightForm, Counting> models_;
};

}  // namespace
}  // namespace soragen

int main(int argc, char** argv) try {
  const soragen::Options options = soragen::parse(argc, argv);
  const c10::InferenceMode inference;
  soragen::Bench(options).run();
} catch (const std::exception& error) {
  std::fprintf(stderr, "soragen_bench_levers: %s\n", error.what());
  return 1;
}
