// Weights that wait in the machine's memory for their turn on a card, and the stream that brings them there.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <functional>
#include <optional>
#include <vector>

namespace soragen::nn {

// The bytes of a block's tensors.
class HostCopy {
 public:
  // pinned: in page-locked memory, from which a card copies by itself; needs CUDA.
  HostCopy(const std::vector<at::Tensor*>& tensors, bool pinned);
  // Into tensors of the same number, sizes and order: on the current stream; returns before they are there if pinned.
  void copy_to(const std::vector<at::Tensor*>& tensors) const;

 private:
  std::vector<std::vector<at::Tensor>> tensors_;  // uint8, each in pieces
};

// A second stream of a device, whose copies run behind the current one's products. A device without streams (the
// processor, meta) does everything in turn.
class CopyStream {
 public:
  CopyStream(at::Device device, int64_t buffers);
  ~CopyStream();  // what is issued from here on waits for every copy, so that the buffers may be freed
  CopyStream(const CopyStream&) = delete;
  CopyStream& operator=(const CopyStream&) = delete;

  // Runs `copies` on the second stream, after everything issued on the current one so far: no product reads what the
  // buffer held any more.
  void fill(int64_t buffer, const std::function<void()>& copies);
  // What is issued on the current stream from here on waits for the buffer's last fill.
  void wait(int64_t buffer);

 private:
  at::Device device_;
  std::optional<c10::Stream> stream_;
  std::vector<c10::Event> filled_;
};

}  // namespace soragen::nn
