#include "publishing/part_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "core/fail.h"

namespace soragen::publishing {
namespace fs = std::filesystem;

namespace {

void flush_to_disk(const fs::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool is_flushed = file >= 0 && ::syncfs(file) == 0;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (!is_flushed) fail(ErrorKind::resource, "cannot finish {}: {}", folder.string(), std::strerror(error));
}

}  // namespace

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

void check_no_images(const fs::path& folder, const media::NumberedName& name) {
  std::error_code missing;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, missing))
    if (name.matches(entry.path().filename().string()))
      fail(ErrorKind::input,
           "cannot write images into {}: it already holds {}, and old and new frames would mix; remove those or name "
           "another folder",
           folder.string(), entry.path().filename().string());
}

PartFolder::PartFolder(fs::path pattern)
    : name_(media::parse_numbered_name(pattern.filename().string())),
      folder_(folder_of(pattern)),
      part_(std::move(pattern)) {
  part_ += ".part";
  std::error_code error;
  if (fs::exists(folder_, error) && !fs::is_directory(folder_, error))
    fail(ErrorKind::input, "cannot write images into {}: it is not a folder", folder_.string());
  is_created_ = fs::create_directory(folder_, error);
  if (!error) check_no_images(folder_, name_);
  if (!error) fs::remove_all(part_, error);  // left by a process that was killed
  if (!error) fs::create_directory(part_, error);
  if (error) {
    discard();
    fail(error == std::errc::no_space_on_device ? ErrorKind::resource : ErrorKind::input,
         "cannot write images into {}: {}", folder_.string(), error.message());
  }
}

PartFolder::~PartFolder() { discard(); }

void PartFolder::commit() {
  flush_to_disk(part_);
  std::vector<fs::path> images, moved;
  for (const fs::directory_entry& entry : fs::directory_iterator(part_)) images.push_back(entry.path());
  std::error_code error;
  for (const fs::path& image : images) {
    moved.push_back(folder_ / image.filename());
    fs::rename(image, moved.back(), error);
    if (!error) continue;
    moved.pop_back();
    std::error_code ignored;
    for (const fs::path& back : moved) fs::remove(back, ignored);
    fail(ErrorKind::resource, "cannot move {} into {}: {}", image.string(), folder_.string(), error.message());
  }
  is_created_ = false;  // it is the film's now
  discard();
}

void PartFolder::discard() noexcept {
  if (!std::exchange(is_open_, false)) return;
  std::error_code ignored;
  fs::remove_all(part_, ignored);
  if (is_created_) fs::remove(folder_, ignored);
}

}  // namespace soragen::publishing
