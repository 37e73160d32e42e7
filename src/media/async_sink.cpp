#include "media/async_sink.h"

#include "core/fail.h"

namespace soragen::media {
namespace {
constexpr size_t kDepth = 3;  // enough to bridge a slow frame; 3 frames of 1280x720 are 8 MB
}

AsyncSink::AsyncSink(std::unique_ptr<FrameSink> inner) : inner_(std::move(inner)), thread_([this] { run(); }) {}

AsyncSink::~AsyncSink() { abort(); }

void AsyncSink::push(const Frame& frame) {
  std::unique_lock lock(mutex_);
  SORAGEN_ASSERT(!is_closed_);
  changed_.wait(lock, [this] { return queue_.size() < kDepth || error_; });
  if (error_) std::rethrow_exception(error_);
  queue_.push_back(frame);
  changed_.notify_all();
}

void AsyncSink::finish() {
  SORAGEN_ASSERT(!is_done_);
  close(false);
  if (error_) std::rethrow_exception(error_);
  inner_->finish();
  is_done_ = true;
}

void AsyncSink::abort() noexcept {
  if (is_done_) return;
  close(true);
  inner_->abort();
  is_done_ = true;
}

void AsyncSink::close(bool drop_queued) noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    if (drop_queued) queue_.clear();
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void AsyncSink::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return !queue_.empty() || is_closed_; });
    if (queue_.empty()) return;
    const Frame frame = std::move(queue_.front());
    queue_.pop_front();
    changed_.notify_all();
    lock.unlock();
    std::exception_ptr error;
    try {
      inner_->push(frame);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (!error) continue;
    error_ = error;
    changed_.notify_all();
    return;
  }
}

}  // namespace soragen::media
