// Numbered images under construction: written into a folder NAME.part beside their final names ("%04d.png.part"
// in the sequence's folder), moved out together when all are whole. Until then no image has its final name.
#pragma once

#include <filesystem>

#include "media/image_writer.h"

namespace soragen::publishing {

class PartFolder {
 public:
  // Creates the sequence's folder where only its last part is missing. Throws Error{input} if it cannot, or if
  // the folder already holds an image of the same name pattern: old and new frames would mix.
  explicit PartFolder(std::filesystem::path pattern);
  ~PartFolder();  // removes what is not committed, also the sequence's folder if it was created here
  PartFolder(const PartFolder&) = delete;
  PartFolder& operator=(const PartFolder&) = delete;

  const std::filesystem::path& path() const { return part_; }
  const media::NumberedName& name() const { return name_; }
  void commit();  // flushes to disk, then moves every image; a failure moves none. Throws Error{resource}
  void discard() noexcept;

 private:
  media::NumberedName name_;
  std::filesystem::path folder_, part_;
  bool is_created_ = false;
  bool is_open_ = true;
};

// "" in front of a bare name is the current folder.
std::filesystem::path folder_of(const std::filesystem::path& path);
// Throws Error{input} if a numbered name's folder holds such an image already.
void check_no_images(const std::filesystem::path& folder, const media::NumberedName& name);

}  // namespace soragen::publishing
