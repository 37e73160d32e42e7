#include "nn/host_copy.h"

#include <ATen/ops/empty.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <bit>

#include "core/fail.h"

namespace soragen::nn {
namespace {

// LibTorch's allocator of page-locked memory rounds up to a power of two, which would double a block's share of
// memory. Pieces that are powers of two lose nothing, but for the last below kSmallest.
constexpr uint64_t kLargest = uint64_t{64} << 20, kSmallest = uint64_t{1} << 20;

std::vector<int64_t> pieces_of(int64_t bytes) {
  std::vector<int64_t> pieces;
  for (auto left = static_cast<uint64_t>(bytes); left > 0;) {
    const uint64_t piece = left < kSmallest ? left : std::bit_floor(std::min(left, kLargest));
    pieces.push_back(static_cast<int64_t>(piece));
    left -= piece;
  }
  return pieces;
}

at::Tensor bytes_of(const at::Tensor& tensor) { return tensor.view({-1}).view(at::kByte); }

}  // namespace

HostCopy::HostCopy(const std::vector<at::Tensor*>& tensors, bool pinned) {
  for (const at::Tensor* tensor : tensors) {
    const at::Tensor bytes = bytes_of(*tensor);
    const auto options = at::TensorOptions()
                             .dtype(at::kByte)
                             .device(tensor->is_meta() ? at::kMeta : at::kCPU)  // meta has no bytes to keep
                             .pinned_memory(pinned);
    std::vector<at::Tensor>& pieces = tensors_.emplace_back();
    int64_t done = 0;
    for (const int64_t size : pieces_of(bytes.numel())) {
      pieces.push_back(at::empty({size}, options));
      pieces.back().copy_(bytes.narrow(0, done, size));
      done += size;
    }
  }
}

void HostCopy::copy_to(const std::vector<at::Tensor*>& tensors) const {
  SORAGEN_ASSERT(tensors.size() == tensors_.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const at::Tensor bytes = bytes_of(*tensors[i]);
    int64_t done = 0;
    for (const at::Tensor& piece : tensors_[i]) {
      bytes.narrow(0, done, piece.numel()).copy_(piece, /*non_blocking=*/true);
      done += piece.numel();
    }
    SORAGEN_ASSERT(done == bytes.numel());
  }
}

CopyStream::CopyStream(at::Device device, int64_t buffers) : device_(device) {
  if (device.is_cpu() || device.is_meta()) return;
  stream_ = c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
  for (int64_t i = 0; i < buffers; ++i) filled_.emplace_back(device.type());
}

CopyStream::~CopyStream() {
  for (size_t i = 0; i < filled_.size(); ++i) wait(static_cast<int64_t>(i));
}

void CopyStream::fill(int64_t buffer, const std::function<void()>& copies) {
  if (!stream_) return copies();
  c10::Event computed(device_.type());
  computed.record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  computed.block(*stream_);
  const c10::StreamGuard on_second(*stream_);
  copies();
  filled_[static_cast<size_t>(buffer)].record(*stream_);
}

void CopyStream::wait(int64_t buffer) {
  if (stream_)
    filled_[static_cast<size_t>(buffer)].block(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
}

}  // namespace soragen::nn
