// The blocks of a stack, one after another, on the device and in the precision of the run: resident, or streamed
// through buffers where the device's memory does not hold them all. A streamed block has the bits of a resident one,
// what LoRA files add included.
//
// Streamed from the machine's memory: every block is converted once, as a resident one is, and waits in page-locked
// memory; two buffers stay on the device, and a second stream fills one while the other computes. Streamed from the
// file: the block is read and converted when it is visited, in place of the one before, and the system reads the next
// one's pages meanwhile.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "nn/block_schedule.h"
#include "nn/host_copy.h"
#include "nn/weights.h"

namespace soragen::nn {

using LoadProgress = std::function<void(int done, int total)>;

// Block: std::vector<at::Tensor*> tensors(), all that it holds, dense where the device is not the processor.
template <class Block>
class BlockSource {
 public:
  struct Origin {
    std::function<Block(int64_t index, const Target& target)> build;
    std::function<void(int64_t index)> read_ahead;  // a hint that build(index) is next
  };

  // Builds every block at least on the meta device, so that missing tensors are known from the start.
  BlockSource(int64_t count, const Residency& residency, const Target& target, Origin origin,
              const LoadProgress& progress = {})
      : target_(target),
        schedule_(count, residency.resident, residency.keeps_on_host ? kCopyBuffers : 1),
        origin_(std::move(origin)),
        blocks_(static_cast<size_t>(count)),
        buffers_(static_cast<size_t>(schedule_.buffers())) {
    if (residency.keeps_on_host && schedule_.buffers() > 0) {
      host_.resize(blocks_.size());
      copies_ = std::make_unique<CopyStream>(target.device, schedule_.buffers());
    }
    for (int64_t i = 0; i < count; ++i) {
      load(i);
      if (progress) progress(static_cast<int>(i + 1), static_cast<int>(count));
    }
    if (copies_ || schedule_.buffers() == 0) origin_ = {};  // and with it the file
  }

  int64_t size() const { return schedule_.count(); }
  bool all_resident() const { return schedule_.buffers() == 0; }
  // Most bytes of blocks on the device at once so far, buffers included.
  int64_t peak_bytes() const { return peak_bytes_; }

  // Valid until another block is visited; cheapest in turn, the first after the last.
  const Block& visit(int64_t index) {
    const BlockSchedule::Visit visit = schedule_.visit(index);
    try {
      for (const BlockSchedule::Fill& fill : visit.fills) start(fill);
    } catch (...) {
      schedule_.forget();
      throw;
    }
    if (!visit.buffer) return *blocks_[static_cast<size_t>(index)];
    if (copies_) copies_->wait(*visit.buffer);
    return *buffers_[static_cast<size_t>(*visit.buffer)];
  }

 private:
  static constexpr int64_t kCopyBuffers = 2;

  void load(int64_t index) {
    if (schedule_.is_resident(index)) return build_into(blocks_[static_cast<size_t>(index)], index);
    if (!copies_) {
      origin_.build(index, {target_.dtype, at::kMeta});
      return;
    }
    // The buffers are made here: the last two blocks' own tensors.
    std::optional<Block>& buffer = buffers_[static_cast<size_t>(loaded_++ % schedule_.buffers())];
    build_into(buffer, index);
    host_[static_cast<size_t>(index)].emplace(buffer->tensors(), target_.device.is_cuda());
  }

  void build_into(std::optional<Block>& place, int64_t index) {
    place.reset();
    place.emplace(origin_.build(index, target_));
    int64_t bytes = 0;
    for (auto* held : {&blocks_, &buffers_})
      for (std::optional<Block>& block : *held)
        if (block)
          for (const at::Tensor* tensor : block->tensors()) bytes += static_cast<int64_t>(tensor->nbytes());
    peak_bytes_ = std::max(peak_bytes_, bytes);
  }

  void start(const BlockSchedule::Fill& fill) {
    std::optional<Block>& buffer = buffers_[static_cast<size_t>(fill.buffer)];
    if (!copies_) {
      build_into(buffer, fill.block);
      origin_.read_ahead(schedule_.next_streamed(fill.block));
      return;
    }
    copies_->fill(fill.buffer, [&] { host_[static_cast<size_t>(fill.block)]->copy_to(buffer->tensors()); });
  }

  Target target_;
  BlockSchedule schedule_;
  Origin origin_;
  std::vector<std::optional<Block>> blocks_, buffers_;  // resident ones at their index
  std::vector<std::optional<HostCopy>> host_;           // streamed ones at their index
  std::unique_ptr<CopyStream> copies_;                  // freed first: it waits for what still writes to the buffers
  int64_t loaded_ = 0, peak_bytes_ = 0;
};

}  // namespace soragen::nn
