// One stage at a time on a model directory, and the machine's own peak: one JSON line per measurement.
//
//   soragen_bench denoise DIR [--size 256x256] [--frames 17] [--text 32] [--dtype fp32] [--threads N] [--repeats 3]
//   soragen_bench decode  DIR [--size 256x256] [--frames 9]  [--dtype fp32] [--threads N] [--repeats 3]
//   soragen_bench attention   [--tokens 7800] [--heads 4] [--head-dim 128] [--dtype fp32] [--threads N] [--repeats 3]
//   soragen_bench peak        [--dtype fp32] [--threads N] [--repeats 3]
//
// denoise and decode also with --device cuda [--attention NAME] [--plain] [--graphs]: NAME as in generate's
// --attention;
// --plain computes with ATen alone, else our kernels that pass their self-test serve too; --graphs records a small
// film's step as a CUDA graph.
//
// scripts/bench and scripts/gpu_check.sh run it beside the reference. "peak" times the products and convolutions that
// the stages are made of, alone, through the same library: what the stages could reach at most.
#include <ATen/Parallel.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <map>

#include "core/json.h"
#include "families/registry/registry.h"
#include "ops/attention.h"
#include "ops/conv.h"
#include "ops/cuda_device.h"
#include "ops/cuda_kernels.h"
#include "ops/linear.h"
#include "ops/replay.h"
#include "pipeline/memory_pools.h"

namespace soragen {
namespace {

struct Options {
  std::string measurement, directory;
  int64_t width = 256, height = 256, frames = 17, text = 32, threads = 0, repeats = 3;
  int64_t tokens = 7800, heads = 4, head_dim = 128;
  std::string dtype = "fp32", device = "cpu", attention = "auto";
  bool plain = false, graphs = false;
  bool is_on_card() const { return device == "cuda"; }
  nn::Target target() const {
    return {dtype == "bf16" ? at::kBFloat16 : at::kFloat, is_on_card() ? at::Device(at::kCUDA, 0) : at::kCPU};
  }
};

Options parse(int argc, char** argv) {
  if (argc < 2)
    throw std::runtime_error("usage: soragen_bench denoise|decode|attention|peak [DIR] [--option value ...]");
  Options options{.measurement = argv[1]};
  std::map<std::string, int64_t*> numbers = {{"--frames", &options.frames},     {"--text", &options.text},
                                             {"--tokens", &options.tokens},     {"--heads", &options.heads},
                                             {"--head-dim", &options.head_dim}, {"--threads", &options.threads},
                                             {"--repeats", &options.repeats}};
  const std::map<std::string, std::string*> words = {
      {"--dtype", &options.dtype}, {"--device", &options.device}, {"--attention", &options.attention}};
  if (options.measurement == "decode") options.frames = 9;
  for (int i = 2; i < argc; ++i) {
    const std::string name = argv[i];
    if (!name.starts_with("--")) {
      options.directory = name;
      continue;
    }
    if (name == "--plain" || name == "--graphs") {
      (name == "--plain" ? options.plain : options.graphs) = true;
      continue;
    }
    if (i + 1 == argc) throw std::runtime_error(name + " needs a value");
    const std::string value = argv[++i];
    if (name == "--size") {
      options.width = std::stoll(value);
      options.height = std::stoll(value.substr(value.find('x') + 1));
    } else if (words.contains(name)) {
      *words.at(name) = value;
    } else if (numbers.contains(name)) {
      *numbers[name] = std::stoll(value);
    } else {
      throw std::runtime_error("unknown option " + name);
    }
  }
  return options;
}

c10::DeviceAllocator& card_memory() { return *c10::getDeviceAllocator(at::kCUDA); }

// A card with LibTorch's CUDA half, and with our kernels unless --plain. What fails its self-test is said and left out.
void open_card(const Options& options) {
  ops::choose_attention(options.attention);
  if (!options.is_on_card()) return;
  const ops::CudaDevice& device = ops::open_cuda();
  if (options.graphs) {
    ops::install_cuda_graphs(&ops::load_cuda_graphs(ops::cuda_graphs_place(device)));
    if (const std::string problem = ops::test_cuda_graphs(); !problem.empty()) throw std::runtime_error(problem);
  }
  if (options.plain) return;
  ops::install_cuda_kernels({.table = device.kernels, .card = device.card.card});
  for (const ops::CudaKernelTest& test : ops::test_cuda_kernels())
    if (!test.passed())
      std::fprintf(stderr, "soragen_bench: %s does not serve %s\n", test.name.c_str(), test.problem.c_str());
  card_memory().resetPeakStats(0);
}

// A card computes on after a call has returned.
void finish(const Options& options) {
  if (options.is_on_card()) c10::impl::VirtualGuardImpl(at::kCUDA).synchronizeDevice(0);
}

// Best of `repeats`, after one call that is not counted; 0: one cold call.
template <typename Function>
double best_seconds(const Options& options, Function&& function) {
  const int64_t repeats = options.repeats;
  const auto call = [&] {
    function();
    finish(options);
  };
  if (repeats > 0) call();
  double best = 1e30;
  for (int64_t i = 0; i < std::max<int64_t>(repeats, 1); ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void report(const Options& options, Json fields) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  fields["measurement"] = options.measurement;
  fields["dtype"] = options.dtype;
  fields["threads"] = at::get_num_threads();
  fields["device"] = options.device;
  if (options.is_on_card()) {
    constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    fields["peak_card_mib"] = static_cast<double>(card_memory().getDeviceStats(0).allocated_bytes[kAll].peak) / 0x1p20;
  }
  fields["peak_rss_mib"] = static_cast<double>(usage.ru_maxrss) / 1024.0;
  std::printf("%s\n", fields.dump().c_str());
}

void denoise(const Options& options) {
  const families::ModelSpec spec = families::read_model(options.directory);
  const families::Family& family = families::family_named(spec.family);
  const auto denoiser = family.load_denoiser(spec, diffusion::Expert::high_noise, {}, options.target(), {}, {});
  const int64_t text_dim = spec.facts["transformer"]["text_dim"];
  denoiser->begin({.prompt = at::randn({options.text, text_dim}), .negative = at::randn({options.text, text_dim})});
  const auto& geometry = spec.geometry;
  const at::Tensor latent = at::randn({geometry.channels, geometry.latent_frames(options.frames),
                                       options.height / geometry.spatial, options.width / geometry.spatial},
                                      options.target().device);
  const double seconds = best_seconds(options, [&] { denoiser->velocity(latent, 500, /*guided=*/true); });
  const auto cost = family.denoise_cost(spec, options.target(), {options.width, options.height, options.frames});
  report(options, {{"seconds", seconds}, {"gflops", cost.flop / seconds / 1e9}});
}

void decode(const Options& options) {
  const families::ModelSpec spec = families::read_model(options.directory);
  const families::Family& family = families::family_named(spec.family);
  const auto decoder = family.load_decoder(spec, options.target(), {});
  const auto& geometry = spec.geometry;
  const at::Tensor latent = at::randn({geometry.channels, geometry.latent_frames(options.frames),
                                       options.height / geometry.spatial, options.width / geometry.spatial},
                                      options.target().device);
  const double seconds =
      best_seconds(options, [&] { decoder->decode(latent, {.latent_frames = 1}, [](const at::Tensor&) {}); });
  const auto cost = family.decode_cost(spec, options.target(), {options.width, options.height, options.frames}, {});
  report(options, {{"seconds", seconds}, {"gflops", cost.flop / seconds / 1e9}});
}

// Every kernel that takes the arguments, on the same numbers.
void attention(const Options& options) {
  const auto drawn = [&] {
    return at::randn({1, options.tokens, options.heads, options.head_dim}).to(options.target().dtype);
  };
  const ops::AttentionArgs args{.query = drawn(), .key = drawn(), .value = drawn(), .key_bias = {}};
  const double flop = 4.0 * static_cast<double>(options.tokens * options.tokens * options.heads * options.head_dim);
  Json fields = {{"tokens", options.tokens}, {"head_dim", options.head_dim}};
  for (const ops::AttentionKernel& kernel : ops::attention_kernels())
    if (kernel.refusal(args).empty())
      fields[std::string(kernel.name) + "_gflops"] = flop / best_seconds(options, [&] { kernel.run(args); }) / 1e9;
  report(options, fields);
}

void peak(const Options& options) {
  const auto like = at::TensorOptions().dtype(options.target().dtype);
  const ops::LinearWeight weight(at::randn({8960, 1536}).to(like.dtype()), at::randn({8960}).to(like.dtype()));
  const at::Tensor x = at::randn({2560, 1536}).to(like.dtype());
  const double gemm = 2.0 * 2560 * 1536 * 8960 / best_seconds(options, [&] { weight.apply(x); });
  Json fields = {{"gemm_gflops", gemm / 1e9}};
  for (const auto& [channels, edge] : {std::pair{96, 256}, {192, 128}, {384, 64}}) {
    const ops::CausalConv3dWeight conv(at::randn({channels, channels, 3, 3, 3}).to(like.dtype()),
                                       at::randn({channels}).to(like.dtype()));
    const at::Tensor frames = at::randn({6, edge, edge, channels}).to(like.dtype());
    const double flop = 2.0 * 27 * channels * channels * 4 * edge * edge;
    fields[fmt::format("conv3d_{}_gflops", channels)] = flop / best_seconds(options, [&] { conv.apply(frames); }) / 1e9;
  }
  report(options, fields);
}

}  // namespace
}  // namespace soragen

int main(int argc, char** argv) try {
  const soragen::Options options = soragen::parse(argc, argv);
  const c10::InferenceMode inference;
  soragen::pipeline::keep_freed_memory();
  if (options.threads > 0) at::set_num_threads(static_cast<int>(options.threads));
  soragen::open_card(options);
  if (options.measurement == "denoise")
    soragen::denoise(options);
  else if (options.measurement == "decode")
    soragen::decode(options);
  else if (options.measurement == "attention")
    soragen::attention(options);
  else if (options.measurement == "peak")
    soragen::peak(options);
  else
    throw std::runtime_error("unknown measurement " + options.measurement);
} catch (const std::exception& error) {
  std::fprintf(stderr, "soragen_bench: %s\n", error.what());
  return 1;
}
