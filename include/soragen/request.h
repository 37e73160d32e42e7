// One film as a person asks for it. Whatever is left out is decided by make_plan, in this order of
// precedence: built-in < official profile < the model directory's soragen.json < preset < the request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "soragen/rational.h"

namespace soragen {

struct Size {
  int64_t width = 0;
  int64_t height = 0;
  bool operator==(const Size&) const = default;
};

// The share of the steps, in order, that compute guidance.
struct GuidanceInterval {
  double begin = 0, end = 1;
  bool reuse = false;  // after it the last difference between the branches serves again; otherwise no guidance there
  bool operator==(const GuidanceInterval&) const = default;
};

// A file of low-rank changes that is merged into the denoiser.
struct LoraChoice {
  std::string file;
  double strength = 1.0;
  std::string expert;  // "high", "low", or "" for every model of the checkpoint
  bool operator==(const LoraChoice&) const = default;
};

struct Request {
  // What to make
  std::optional<std::string> prompt;
  std::optional<std::string> negative_prompt;
  std::optional<Size> size;  // pixels
  std::optional<int64_t> frames;
  std::optional<Rational> fps;
  std::optional<int64_t> steps;
  std::optional<std::vector<double>> timesteps;  // a few-step checkpoint's own list, instead of steps
  std::optional<double> guidance;                // of the high-noise expert where there are two
  std::optional<double> guidance_2;              // of the low-noise expert
  std::optional<uint64_t> seed;
  std::optional<std::string> solver;
  std::optional<double> shift;
  std::optional<std::vector<LoraChoice>> lora;
  std::optional<GuidanceInterval> guidance_interval;
  std::optional<double> step_cache;  // threshold, 0: off
  std::optional<std::string> preset;

  // Where it goes
  std::optional<std::string> output;  // file name, or - for y4m on stdout
  std::optional<std::string> codec;
  std::optional<int64_t> crf;
  std::optional<std::string> label;         // visible text, "cn" for China's
  std::optional<std::string> save_latents;  // file name

  // How it is computed
  std::optional<std::string> device;     // auto, cpu, cuda
  std::optional<std::string> dtype;      // auto, fp32, bf16
  std::optional<std::string> weights;    // full, int8
  std::optional<std::string> attention;  // auto or a name
  std::optional<bool> cuda_graphs;       // a small film's step on a card as one launch; not yet seen on one
  std::optional<int64_t> threads;
  std::optional<int64_t> memory;  // bytes that the run may use
  std::optional<int64_t> vram;    // of them on a card
};

// Every field of `over` that is set replaces the one of `base`.
Request merge(const Request& base, const Request& over);

}  // namespace soragen
