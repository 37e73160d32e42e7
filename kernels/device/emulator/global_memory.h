// Global memory as a kernel may see it: only ranges that a test has lent, for reading or for both.
#pragma once

#include <cstddef>

namespace soragen::kernels::emulator {

enum class Access { read, read_write };

// Lends [data, data + bytes) to kernels for as long as it lives.
class GlobalRange {
 public:
  GlobalRange(const void* data, size_t bytes, Access access);
  ~GlobalRange();
  GlobalRange(const GlobalRange&) = delete;
  GlobalRange& operator=(const GlobalRange&) = delete;

 private:
  const void* data_;
};

// Throws unless the whole access lies in one lent range and is aligned to its size.
void check_global(const void* address, size_t bytes, Access access);

}  // namespace soragen::kernels::emulator
