// LoRA files: small changes to a model's weights, W + strength * alpha / r * up x down, and whole differences.
//
// Two spellings of the keys are in use, under an optional prefix (transformer., diffusion_model.):
//   PEFT, diffusers  MODULE.lora_A.weight [r, in], MODULE.lora_B.weight [out, r], MODULE.lora_B.bias [out]
//   kohya, LightX2V  MODULE.lora_down.weight, MODULE.lora_up.weight, and MODULE.alpha, a number
//   either           MODULE.diff, .diff_b, .diff_m: added to MODULE's weight, bias, modulation
// MODULE is a name of the checkpoint or of the model's original code, joined with dots; after the prefix lora_unet_
// with underscores. Without alpha the factor is 1, unless diffusers' own metadata ("lora_adapter_metadata") says more.
//
// Every key must be understood and must find its tensor, or the file is refused: a LoRA that is applied in part gives
// a film that nobody asked for.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "weights/safetensors.h"
#include "weights/store.h"

namespace soragen::weights {

struct LoraTerm {
  std::string key;     // as the file has it, for errors
  std::string target;  // the tensor, as the file names it without its prefix: MODULE.weight
  WeightDelta delta;   // its scale without the strength
};

struct Lora {
  std::string where;
  std::vector<LoraTerm> terms;  // never empty
};

Lora read_lora(const std::filesystem::path& path);  // Error{input}, Error{unsupported} for other kinds of adapters
Lora parse_lora(const Safetensors& file, const std::string& where);

// Adds every term to its tensor of the store. other_name: what a tensor of the checkpoint is called in the model's
// original code. Error{input} lists the keys without a tensor, or names the one whose shape differs.
void add_lora(WeightStore& store, const Lora& lora, double strength,
              const std::function<std::string(const std::string&)>& other_name);

}  // namespace soragen::weights
