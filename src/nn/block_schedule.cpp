#include "nn/block_schedule.h"

#include <algorithm>

#include "core/fail.h"

namespace soragen::nn {

BlockSchedule::BlockSchedule(int64_t count, int64_t resident, int64_t buffers)
    : count_(count),
      streamed_(count - std::clamp<int64_t>(resident, 0, count)),
      buffers_(std::min(buffers, streamed_)) {}

bool BlockSchedule::is_resident(int64_t block) const {
  return (block + 1) * streamed_ / count_ == block * streamed_ / count_;
}

int64_t BlockSchedule::next_streamed(int64_t block) const {
  SORAGEN_ASSERT(streamed_ > 0);
  do block = (block + 1) % count_;
  while (is_resident(block));
  return block;
}

BlockSchedule::Visit BlockSchedule::visit(int64_t block) {
  SORAGEN_ASSERT(block >= 0 && block < count_);
  Visit visit;
  if (streamed_ == 0) return visit;
  if (current_ != block) {
    current_ = block;
    in_use_.reset();
    if (!is_resident(block)) {
      if (ahead_.empty() || ahead_.front().block != block) {
        ahead_.clear();
        start_fill(block, visit);
      }
      in_use_ = ahead_.front();
      ahead_.pop_front();
    }
    while (static_cast<int64_t>(ahead_.size()) + (in_use_ ? 1 : 0) < buffers_)
      start_fill(next_streamed(ahead_.empty() ? block : ahead_.back().block), visit);
  }
  if (in_use_) visit.buffer = in_use_->buffer;
  return visit;
}

void BlockSchedule::forget() {
  current_.reset();
  in_use_.reset();
  ahead_.clear();
}

void BlockSchedule::start_fill(int64_t block, Visit& visit) {
  int64_t buffer = 0;
  while (!is_free(buffer)) ++buffer;
  ahead_.push_back({block, buffer});
  visit.fills.push_back(ahead_.back());
}

bool BlockSchedule::is_free(int64_t buffer) const {
  return !(in_use_ && in_use_->buffer == buffer) &&
         std::none_of(ahead_.begin(), ahead_.end(), [&](const Fill& fill) { return fill.buffer == buffer; });
}

}  // namespace soragen::nn
