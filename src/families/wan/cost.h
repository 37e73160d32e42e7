// Bytes and operations by stage, from configs alone.
#pragma once

#include "families/family.h"
#include "families/wan/config.h"

namespace soragen::families::wan {

// One transformer in `target`'s precision: its weights, what a guided step keeps alive, its operations.
StageCost dit_cost(const DitConfig& config, const nn::Target& target, int64_t tokens, int64_t text_tokens);

// The decoder: weights, its convolutions' memory of the past, the widest level's activations, operations of the film.
StageCost decoder_cost(const VaeConfig& config, const nn::Target& target, const FilmSize& film,
                       const DecodeOptions& options);

}  // namespace soragen::families::wan
