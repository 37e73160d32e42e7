// Mapped memory on disk for what does not fit into RAM, in $TMPDIR or /var/tmp (/tmp is often RAM itself).
// The file has no name from the start, so nothing is left behind however the process ends.
#pragma once

#include <cstddef>
#include <span>

namespace soragen {

class ScratchFile {
 public:
  explicit ScratchFile(size_t size);  // reserves the space; Error{resource} when the disk has none
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  std::span<std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace soragen
