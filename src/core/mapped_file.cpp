#include "core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "core/fail.h"

namespace soragen {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(ErrorKind::input, "cannot open {}: {}", path.string(), std::strerror(errno));
  struct stat info {};
  const bool is_file = ::fstat(file, &info) == 0 && S_ISREG(info.st_mode);
  if (is_file && info.st_size > 0) {
    size_ = static_cast<size_t>(info.st_size);
    void* data = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
    data_ = data == MAP_FAILED ? nullptr : static_cast<const std::byte*>(data);
  }
  const int error = errno;
  ::close(file);
  if (!is_file) fail(ErrorKind::input, "{} is not a regular file", path.string());
  if (size_ > 0 && data_ == nullptr)
    fail(ErrorKind::resource, "cannot map {}: {}", path.string(), std::strerror(error));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::release(std::span<const std::byte> range) const {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  // Inward to whole pages: a page shared with the neighbouring tensor stays.
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(range.data()) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(range.data()) + range.size()) / page * page;
  if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace soragen
