#include "pipeline/memory_plan.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "weights/store.h"

namespace soragen::pipeline {
namespace {

constexpr int64_t kBuffers = 2;  // one computes while the next is copied

// N of "blocks.N." or "block.N." anywhere in a tensor's name; of nested stacks the outermost.
std::optional<int64_t> block_of(const std::string& name) {
  size_t begin = 0;
  bool is_after_stack = false;
  while (begin < name.size()) {
    const size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view part = std::string_view(name).substr(begin, end - begin);
    int64_t index = 0;
    const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    if (is_after_stack && error == std::errc() && stop == part.data() + part.size()) return index;
    is_after_stack = part == "blocks" || part == "block";
    begin = end + 1;
  }
  return std::nullopt;
}

int64_t numbers_of(const weights::TensorView& tensor) {
  int64_t numbers = 1;
  for (const int64_t edge : tensor.shape) numbers *= edge;
  return numbers;
}

// A stack's products are its tensors of two dimensions.
int64_t bytes_in_block(const weights::TensorView& tensor, const nn::Target& target) {
  if (tensor.shape.size() == 2) return nn::weight_bytes(tensor.shape[0], tensor.shape[1], target);
  return numbers_of(tensor) * static_cast<int64_t>(c10::elementSize(target.dtype));
}

}  // namespace

BlockSizes block_sizes(const std::filesystem::path& component, const nn::Target& target) {
  const weights::WeightStore store(component, {"diffusion_pytorch_model", "model"});
  std::map<int64_t, int64_t> blocks;
  BlockSizes sizes;
  for (const auto& [name, tensor] : store.tensors()) {
    if (const auto block = block_of(name))
      blocks[*block] += bytes_in_block(tensor, target);
    else
      sizes.outside += numbers_of(tensor) * static_cast<int64_t>(c10::elementSize(target.dtype));
  }
  sizes.count = static_cast<int64_t>(blocks.size());
  for (const auto& [index, bytes] : blocks) sizes.block = std::max(sizes.block, bytes);
  return sizes;
}

std::optional<BlockPlacement> place_blocks(const BlockSizes& sizes, int64_t activations, int64_t budget, int passes,
                                           double product_seconds) {
  const int64_t free = budget - activations - sizes.outside;
  BlockPlacement placement{.product_seconds = product_seconds};
  if (sizes.count * sizes.block <= free) {
    placement.resident = sizes.count;
    placement.weights = sizes.total();
    return placement;
  }
  if (free < kBuffers * sizes.block) return std::nullopt;
  placement.resident = free / sizes.block - kBuffers;
  placement.streamed = sizes.count - placement.resident;
  placement.weights = (placement.resident + kBuffers) * sizes.block + sizes.outside;
  placement.copied = placement.streamed * sizes.block;
  placement.text_seconds = static_cast<double>(placement.copied) / kAssumedCopyRate;
  placement.copy_seconds = passes * placement.text_seconds;
  return placement;
}

void read_from_file(BlockPlacement& placement, int passes) {
  placement.is_from_file = placement.streamed > 0;
  placement.text_seconds = static_cast<double>(placement.copied) / kAssumedFileRate;
  placement.copy_seconds = passes * placement.text_seconds;
}

double BlockPlacement::step_seconds() const {
  if (is_from_file) return product_seconds + copy_seconds;
  return is_hidden() ? product_seconds : copy_seconds;
}

TextPlace place_text(const BlockSizes& sizes, int64_t budget) {
  for (const TextPlace place : {TextPlace::card, TextPlace::card_by_blocks})
    if (text_bytes(sizes, place) <= budget) return place;
  return TextPlace::processor;
}

int64_t text_bytes(const BlockSizes& sizes, TextPlace place) {
  const int64_t blocks = place == TextPlace::card_by_blocks ? std::min(kBuffers, sizes.count) : sizes.count;
  return blocks * sizes.block;
}

}  // namespace soragen::pipeline
