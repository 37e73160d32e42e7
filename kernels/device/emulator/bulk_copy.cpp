#include "kernels/device/emulator/sm90.h"

namespace soragen::kernels {
namespace {

constexpr uint32_t kBoxAlignment = 128;
constexpr int kChunk = 8;  // numbers of 16 bits in kCopyBytes

}  // namespace

// What the driver would refuse.
TensorMap make_tensor_map(const TensorBoxes& boxes) {
  if (reinterpret_cast<uintptr_t>(boxes.data) % 16 != 0) fail(ErrorKind::internal, "a tensor map of unaligned memory");
  for (const int64_t stride : boxes.stride_bytes)
    if (stride < 0 || stride % 16 != 0 || stride >= int64_t{1} << 40)
      fail(ErrorKind::internal, "a tensor map with a stride of {} bytes", stride);
  for (const int64_t size : boxes.size)
    if (size <= 0 || size > int64_t{1} << 32) fail(ErrorKind::internal, "a tensor map with a side of {}", size);
  if (boxes.rows <= 0 || boxes.rows > 256) fail(ErrorKind::internal, "a tensor map with boxes of {} rows", boxes.rows);
  return {boxes};
}

void copy_box(uint32_t address, const TensorMap& map, const BoxOrigin& x, uint32_t barrier) {
  emulator::Block& block = emulator::Block::current();
  if (address % kBoxAlignment != 0)
    fail(ErrorKind::internal, "thread {} copies a box to {}, no multiple of {}", block.thread(), address,
         kBoxAlignment);
  const TensorBoxes& of = map.boxes;
  const auto inside = [](int64_t i, int64_t size) { return i >= 0 && i < size; };
  for (int row = 0; row < of.rows; ++row)
    for (int chunk = 0; chunk < kBoxNumbers / kChunk; ++chunk) {
      const int64_t number = x.number + chunk * kChunk, token = int64_t{x.token} + row;
      const void* source = nullptr;  // outside: zeros
      if (inside(number, of.size[0]) && inside(token, of.size[1]) && inside(x.head, of.size[2]) &&
          inside(x.batch, of.size[3])) {
        source = static_cast<const char*>(of.data) + 2 * number + token * of.stride_bytes[0] +
                 x.head * of.stride_bytes[1] + x.batch * of.stride_bytes[2];
        emulator::check_global(source, emulator::kCopyBytes, emulator::Access::read);
      }
      const uint32_t line = address + static_cast<uint32_t>(row * kBoxRowBytes);
      const uint32_t permuted = static_cast<uint32_t>(chunk) ^ line / kBoxRowBytes % kSwizzleRows;
      block.transactions().copy(block.thread(), barrier, line + permuted * emulator::kCopyBytes, source);
    }
}

}  // namespace soragen::kernels
