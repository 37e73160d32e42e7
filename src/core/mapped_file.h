// A whole file mapped into memory, read on demand.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace soragen {

class MappedFile {
 public:
  // Throws Error{input} naming the path and the system's reason. Private copy-on-write pages: a
  // stray in-place operation on a tensor that borrows them cannot change the file.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // Tells the kernel that a range is no longer needed, so that resident memory does not grow with the file.
  void release(std::span<const std::byte> range) const;

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace soragen
