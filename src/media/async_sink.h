// Runs another sink in a thread of its own, so that frames are encoded while the next are computed.
// A bounded queue: a slow encoder slows the producer down instead of filling memory.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "soragen/frame.h"

namespace soragen::media {

class AsyncSink final : public FrameSink {
 public:
  explicit AsyncSink(std::unique_ptr<FrameSink> inner);
  ~AsyncSink() override;

  // An exception of the inner sink's push is thrown by the next push() here, and by finish().
  void push(const Frame& frame) override;
  void finish() override;
  void abort() noexcept override;  // drops what is queued; safe at any time, also after finish()

 private:
  void run();
  void close(bool drop_queued) noexcept;

  std::unique_ptr<FrameSink> inner_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Frame> queue_;
  std::exception_ptr error_;
  bool is_closed_ = false;
  bool is_done_ = false;  // finished or aborted; touched by the producer only
  std::thread thread_;
};

}  // namespace soragen::media
