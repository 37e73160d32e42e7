#include "core/part_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/fail.h"

namespace soragen {

PartFile::PartFile(std::filesystem::path target) : target_(std::move(target)), part_(target_) {
  part_ += ".part";
  std::error_code ignored;  // of a path that cannot be: open() below says why
  if (!target_.has_filename() || std::filesystem::is_directory(target_, ignored))
    fail(ErrorKind::input, "cannot write '{}': it names a folder, not a file", target_.string());
  const int file = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0)
    fail(errno == ENOSPC || errno == EDQUOT ? ErrorKind::resource : ErrorKind::input, "cannot write {}: {}",
         target_.string(), std::strerror(errno));
  ::close(file);
}

PartFile::~PartFile() { discard(); }

void PartFile::commit() {
  const int file = ::open(part_.c_str(), O_RDONLY | O_CLOEXEC);
  const bool flushed = file >= 0 && ::fsync(file) == 0;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (!flushed) fail(ErrorKind::resource, "cannot finish {}: {}", target_.string(), std::strerror(error));
  if (::rename(part_.c_str(), target_.c_str()) != 0)
    fail(ErrorKind::resource, "cannot rename {} to {}: {}", part_.string(), target_.string(), std::strerror(errno));
  open_ = false;
}

void PartFile::discard() noexcept {
  if (std::exchange(open_, false)) ::unlink(part_.c_str());
}

}  // namespace soragen
