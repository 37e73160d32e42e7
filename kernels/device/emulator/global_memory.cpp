#include "kernels/device/emulator/global_memory.h"

#include <cstdint>
#include <map>

#include "core/fail.h"

namespace soragen::kernels::emulator {
namespace {

struct Range {
  size_t bytes;
  Access access;
};
thread_local std::map<uintptr_t, Range> ranges;

}  // namespace

GlobalRange::GlobalRange(const void* data, size_t bytes, Access access) : data_(data) {
  const auto [at, added] = ranges.emplace(reinterpret_cast<uintptr_t>(data), Range{bytes, access});
  if (!added) fail(ErrorKind::internal, "global range {} is lent twice", data);
}

GlobalRange::~GlobalRange() { ranges.erase(reinterpret_cast<uintptr_t>(data_)); }

void check_global(const void* address, size_t bytes, Access access) {
  const auto begin = reinterpret_cast<uintptr_t>(address);
  if (begin % bytes != 0)
    fail(ErrorKind::internal, "a kernel accesses {} bytes at {}, which is no multiple of {}", bytes, address, bytes);
  auto after = ranges.upper_bound(begin);
  if (after == ranges.begin()) fail(ErrorKind::internal, "a kernel accesses {}, which nobody lent", address);
  const auto& [start, range] = *--after;
  if (begin + bytes > start + range.bytes)
    fail(ErrorKind::internal, "a kernel accesses bytes {} to {} of a global range of {} bytes", begin - start,
         begin - start + bytes, range.bytes);
  if (access == Access::read_write && range.access == Access::read)
    fail(ErrorKind::internal, "a kernel writes byte {} of a global range that was lent for reading", begin - start);
}

}  // namespace soragen::kernels::emulator
