// Latent files: safetensors with one tensor "latents", [C, T, H, W] float32 as the denoiser leaves it
// (normalised), and the record as metadata ("soragen.record"). Decoding continues from them.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>

#include "core/json.h"

namespace soragen::pipeline {

struct Latents {
  at::Tensor values;  // [C, T, H, W] float32
  Json record;
};

void save_latents(const std::filesystem::path& path, const Latents& latents);
Latents read_latents(const std::filesystem::path& path);  // Error{input}: shape, dtype, NaN, missing record

}  // namespace soragen::pipeline
