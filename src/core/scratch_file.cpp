#include "core/scratch_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/fail.h"

namespace soragen {

ScratchFile::ScratchFile(size_t size) : size_(size) {
  const char* folder = std::getenv("TMPDIR");
  std::string name = std::string(folder != nullptr && *folder != '\0' ? folder : "/var/tmp") + "/soragen-XXXXXX";
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0)
    fail(ErrorKind::resource, "cannot make a scratch file {}: {}; set TMPDIR to a folder that can be written", name,
         std::strerror(errno));
  ::unlink(name.c_str());
  const int error = ::posix_fallocate(file, 0, static_cast<off_t>(size));  // else a full disk would be a SIGBUS later
  void* data = error == 0 ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
  const int reason = error != 0 ? error : errno;
  ::close(file);
  if (data == MAP_FAILED)
    fail(ErrorKind::resource, "cannot reserve {} MiB for decoding in tiles at {}: {}; set TMPDIR to a folder with room",
         size >> 20, name, std::strerror(reason));
  data_ = static_cast<std::byte*>(data);
}

ScratchFile::~ScratchFile() { ::munmap(data_, size_); }

}  // namespace soragen
