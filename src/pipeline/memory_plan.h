// What sits where when the memory does not hold a model: pure functions of sizes and a budget, so that a plan for a
// card can be made, printed and tested where there is none.
//
// On a card, in order of cost: everything there; the text encoder copied block by block (it runs once a film); the
// transformer's blocks copied at every step, as few as possible, from pinned memory and behind the products of the
// blocks before, or from the file where the machine's memory does not hold them either; smaller tiles in decoding; the
// text encoder on the processor. On the processor: blocks read from the file at every step, as few as possible.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "nn/weights.h"

namespace soragen::pipeline {

// Assumptions, printed with every plan that rests on them. None is measured: kAssumedCopyRate is four fifths of PCI
// Express 4.0 with 16 lanes, kAssumedFlopRate what a consumer card with 8 to 12 GB reaches in bf16 products,
// kAssumedFileRate what one thread converts of a file that is on a fast disk.
constexpr double kAssumedCopyRate = 25e9;  // bytes a second, from pinned memory
constexpr double kAssumedFileRate = 1e9;   // bytes a second, from a mapped file, converted
constexpr double kAssumedFlopRate = 40e12;

// CUDA's context and the libraries' code, before the first tensor.
constexpr int64_t kCardContext = int64_t{600} << 20;
// cuBLASLt's and cuDNN's scratch memory, and what the caching allocator loses between blocks.
constexpr int64_t kCardWorkspace = int64_t{400} << 20;

// A component's weights in the precision of the run, from the headers of its files alone.
struct BlockSizes {
  int64_t count = 0;    // blocks of a stack: "blocks.N." or "block.N." in their names
  int64_t block = 0;    // bytes of the largest
  int64_t outside = 0;  // bytes of everything else
  int64_t total() const { return count * block + outside; }
};
BlockSizes block_sizes(const std::filesystem::path& component, const nn::Target& target);

struct BlockPlacement {
  int64_t resident = 0, streamed = 0;  // blocks
  int64_t weights = 0;                 // bytes: resident blocks, two buffers, everything outside
  int64_t copied = 0;                  // bytes of the streamed blocks
  double text_seconds = 0;             // one pass over the streamed blocks for the text's keys, hidden behind nothing
  double copy_seconds = 0;             // of one step
  double product_seconds = 0;          // of one step
  bool is_from_file = false;           // nothing is hidden then
  bool is_hidden() const { return !is_from_file && copy_seconds <= product_seconds; }
  double step_seconds() const;
};

// The transformer in `budget` bytes, `activations` of them for what is not weights. passes: how often a step goes
// through all blocks (twice when the two guidance branches follow each other). Nothing: not even two buffers fit.
//
// Copies hide behind products only from pinned memory. From a file one buffer is used, and the other's place serves
// the conversion.
std::optional<BlockPlacement> place_blocks(const BlockSizes& sizes, int64_t activations, int64_t budget, int passes,
                                           double product_seconds);
void read_from_file(BlockPlacement& placement, int passes);  // instead of from pinned memory

enum class TextPlace { card, card_by_blocks, processor };
// An encoder whose embedding table stays on disk: only its blocks count.
TextPlace place_text(const BlockSizes& sizes, int64_t budget);
int64_t text_bytes(const BlockSizes& sizes, TextPlace place);

}  // namespace soragen::pipeline
