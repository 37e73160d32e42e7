// What a model family gives to the pipeline: one row of functions, and the spec that its configs describe.
//
// The pipeline knows a model through ModelSpec alone. It is read from config files only; weights are
// opened by the load functions, part by part, so that each part can be loaded, run and freed by stage.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "diffusion/denoiser.h"
#include "diffusion/scheduler_config.h"
#include "families/frame_decoder.h"
#include "nn/block_source.h"
#include "nn/weights.h"
#include "text/text_encoder.h"

namespace soragen::families {

// Sizes in pixels and frames against sizes in the latent and in the transformer.
struct Geometry {
  int64_t channels = 0;                      // of the latent
  int64_t temporal = 4, spatial = 8;         // pixels per latent cell; frames = temporal * n + 1
  std::array<int64_t, 3> patch = {1, 2, 2};  // latent cells per token: t, h, w
  int64_t max_positions = 1024;              // tokens along one axis

  int64_t size_multiple(int axis) const { return spatial * patch[static_cast<size_t>(axis)]; }  // 1: height, 2: width
  int64_t latent_frames(int64_t frames) const { return (frames - 1) / temporal + 1; }
  int64_t tokens(int64_t width, int64_t height, int64_t frames) const;
};

struct ModelSpec {
  std::string family;  // the row's name
  std::filesystem::path directory;
  std::string pipeline_class;  // model_index.json's _class_name
  Geometry geometry;
  int64_t text_tokens = 512;  // padded length, eos included
  diffusion::SchedulerConfig scheduler;
  std::optional<double> boundary_ratio;  // set: two experts
  nlohmann::json facts;                  // for `inspect` and for choosing a profile: sizes by component
};

struct FilmSize {
  int64_t width = 0, height = 0, frames = 0;
};

// What a stage needs, from configs alone; the plan decides and predicts with it. Estimates, documented
// where they are computed.
struct StageCost {
  int64_t weights = 0;      // bytes
  int64_t activations = 0;  // bytes
  double flop = 0;          // multiply and add count as two; of one guided denoising step, or of a whole decode
};

// A LoRA file (weights/lora.h) that is merged into a denoiser's weights while they are loaded.
struct Adapter {
  std::filesystem::path file;
  double strength = 1.0;
  bool operator==(const Adapter&) const = default;
};

using nn::LoadProgress;

struct Family {
  std::string_view name;
  std::span<const std::string_view> pipeline_classes;  // of model_index.json
  ModelSpec (*read)(const std::filesystem::path& directory, const std::string& pipeline_class);

  std::unique_ptr<text::TextEncoder> (*load_text_encoder)(const ModelSpec&, const nn::Target&, bool stream);
  // Reads headers only: throws what load_denoiser would throw about the adapters' keys and shapes.
  void (*check_adapters)(const ModelSpec&, diffusion::Expert, const std::vector<Adapter>&);
  std::unique_ptr<diffusion::Denoiser> (*load_denoiser)(const ModelSpec&, diffusion::Expert,
                                                        const std::vector<Adapter>&, const nn::Target&,
                                                        const nn::Residency&, const LoadProgress&);
  std::unique_ptr<FrameDecoder> (*load_decoder)(const ModelSpec&, const nn::Target&, const LoadProgress&);

  StageCost (*denoise_cost)(const ModelSpec&, const nn::Target&, const FilmSize&);
  StageCost (*decode_cost)(const ModelSpec&, const nn::Target&, const FilmSize&, const DecodeOptions&);
};

}  // namespace soragen::families
