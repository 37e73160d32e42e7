// A file under construction: written as NAME.part beside its target, renamed when whole.
#pragma once

#include <filesystem>

namespace soragen {

class PartFile {
 public:
  // Checks at once that the folder exists and can be written (Error{input}), so that an hour of work
  // does not end at an unwritable path. The target itself is not touched.
  explicit PartFile(std::filesystem::path target);
  ~PartFile();  // removes the part file unless committed
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  const std::filesystem::path& target() const { return target_; }
  const std::filesystem::path& path() const { return part_; }
  void commit();            // flushes to disk, then renames over the target; throws Error{resource}
  void discard() noexcept;  // what the destructor does

 private:
  std::filesystem::path target_, part_;
  bool open_ = true;
};

}  // namespace soragen
