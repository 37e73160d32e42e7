// Everything about a run, decided once: the request with every default and limit applied, precision and
// placement, memory by stage. `soragen plan` prints it, the record stores it.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "diffusion/denoise.h"
#include "families/family.h"
#include "pipeline/hardware.h"
#include "pipeline/loras.h"
#include "pipeline/memory_plan.h"
#include "soragen/request.h"

namespace soragen::pipeline {

struct StagePlan {
  std::string name;          // text, denoise, decode
  std::string place;         // cpu, cuda
  std::string dtype;         // fp32, bf16
  families::StageCost cost;  // of it on the card, where place is cuda
  int64_t workspace = 0;     // bytes of the libraries' own, on a card
  double seconds = 0;        // predicted, 0 when unknown
  std::string note;          // "streamed block by block", "12 tiles of 256x256"
};

struct Plan {
  Request request;  // every option resolved: the same request gives the same film
  std::string prompt, negative_prompt;
  Size size;
  int64_t frames = 0;
  Rational fps;
  uint64_t seed = 0;
  diffusion::Sampling sampling;
  std::vector<PlannedLora> loras;
  nn::Target text_target, denoise_target, decode_target;
  nn::Target processor_target;  // of what a card cannot hold
  bool stream_text_encoder = false;
  BlockPlacement denoise_blocks;
  families::DecodeOptions decode;
  int64_t threads = 1;
  std::string profile;  // name of the official profile in force, or ""
  std::vector<StagePlan> stages;
  int64_t memory_limit = 0;
  int64_t card_limit = 0;  // bytes of the card's memory, 0: no card is used
  std::vector<std::string> warnings;

  std::vector<int64_t> latent_shape;  // [C, T, H, W]
};

// Rates of this machine in FLOP/s, measured in a few hundredths of a second.
struct MachineRate {
  double fp32 = 0, bf16 = 0;
};
MachineRate measure_rate(int64_t threads, bool bf16);
// Fills in StagePlan::seconds: operations at the measured rate. Experience: within a factor of 1.5.
void predict_seconds(Plan& plan, const MachineRate& rate);

// Throws Error{usage} for values that this model cannot make (naming the nearest that it can),
// Error{unsupported}, or Error{resource} when it cannot fit into memory.
Plan make_plan(const Request& request, const families::ModelSpec& spec, const Hardware& hardware);

// Of the transformer's blocks.
nn::Residency residency(const Plan& plan);

Json to_json(const Plan& plan, const families::ModelSpec& spec);

}  // namespace soragen::pipeline
