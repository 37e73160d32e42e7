// The handshake between the tensor half, which makes frames, and the bytes half, which makes files.
#pragma once

#include <cstdint>
#include <vector>

namespace soragen {

// Full-range sRGB-coded RGB, 8 bits, rows top to bottom: rgb.size() == 3 * width * height.
struct Frame {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgb;
};

// Takes frames in order. Between construction and finish() nothing exists under the final name;
// abort() (or destruction without finish()) leaves no trace of it.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  virtual void push(const Frame& frame) = 0;  // throws Error{input} if the size differs from the first frame
  virtual void finish() = 0;                  // flushes, publishes under the final name
  virtual void abort() noexcept = 0;
};

}  // namespace soragen
