// A model directory opened for use: films one after another with one load.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "families/family.h"
#include "pipeline/plan.h"
#include "soragen/frame.h"
#include "soragen/progress.h"
#include "text/tokenizer.h"

namespace soragen::pipeline {

// Reads the configs of a model directory; no weights. Error{input}, Error{unsupported}.
families::ModelSpec open_model(const std::filesystem::path& directory);

class Generator {
 public:
  // keep_loaded: parts stay in memory for the next film; otherwise each is freed when its stage ends.
  Generator(families::ModelSpec spec, bool keep_loaded);
  ~Generator();

  const families::ModelSpec& spec() const { return spec_; }

  // For the films from here on. false frees at once what is loaded: a film that needs the room has all of it.
  void keep_loaded(bool keep);

  // Encodes all prompts of a batch in one pass over the text encoder and keeps the results; generate()
  // then finds them. Worth it when the encoder is streamed from disk.
  void encode_ahead(const std::vector<Plan>& plans, const ProgressFn& progress);

  // Text and denoising: [C, T, H, W] float32 on the CPU.
  at::Tensor denoise(const Plan& plan, const ProgressFn& progress);
  // Frames of a latent into the sink, which is finished at the end.
  void decode(const Plan& plan, const at::Tensor& latent, FrameSink& sink, const ProgressFn& progress);

  // Seconds by stage since construction or the last call: {"load": ..., "text": ..., "denoise": ..., "decode": ...}
  Json take_timings();

 private:
  struct Parts;
  static bool is_guided(const Plan& plan);
  void encode_together(const std::vector<const Plan*>& plans, const ProgressFn& progress);  // of one text target
  families::ModelSpec spec_;
  bool keep_loaded_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace soragen::pipeline
