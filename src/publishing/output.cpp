#include "publishing/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/fail.h"
#include "core/part_file.h"
#include "media/async_sink.h"
#include "media/film_writer.h"
#include "media/image_writer.h"
#include "publishing/part_folder.h"

namespace soragen::publishing {
namespace fs = std::filesystem;

namespace {

// Standard output as a place: nothing to rename, nothing to take back.
struct StandardOutput {
  fs::path path() const { return "-"; }
  void commit() {}
  void discard() noexcept {}
};

std::unique_ptr<FrameSink> open_writer(const media::FilmFormat& format, const PartFile& file) {
  return media::open_film_writer(format, file.path());
}
std::unique_ptr<FrameSink> open_writer(const media::FilmFormat& format, const StandardOutput& output) {
  return media::open_film_writer(format, output.path());
}
std::unique_ptr<FrameSink> open_writer(const media::FilmFormat& format, const PartFolder& folder) {
  return media::open_image_writer(format, folder.path(), folder.name());
}

// A film on its way into a Place: what is done to every frame stands in push(), what is done to the whole
// file before anybody can see it stands in finish(), between the writer's end and commit().
template <typename Place>
class Publication final : public FrameSink {
 public:
  template <typename... Args>
  explicit Publication(const media::FilmFormat& format, Args&&... place)
      : place_(std::forward<Args>(place)...), writer_(open_writer(format, place_)) {}

  void push(const Frame& frame) override { writer_->push(frame); }

  void finish() override {
    writer_->finish();
    place_.commit();
  }

  void abort() noexcept override {
    writer_->abort();
    place_.discard();
  }

 private:
  Place place_;
  std::unique_ptr<FrameSink> writer_;  // destroyed first: it closes the file that place_ removes
};

void check_folder(const fs::path& path, const fs::path& folder) {
  std::error_code ignored;  // faccessat says it better
  if (fs::exists(folder, ignored) && !fs::is_directory(folder, ignored))
    fail(ErrorKind::input, "cannot write {}: {} is not a folder", path.string(), folder.string());
  // The effective user's rights; nothing is created, so a film of the same name under way is not disturbed.
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    fail(ErrorKind::input, "cannot write {}: folder {}: {}", path.string(), folder.string(), std::strerror(errno));
}

void check_place(const media::FilmFormat& format, const fs::path& path) {
  if (path == "-") return;
  const fs::path folder = folder_of(path);
  if (!format.is_image_sequence()) {
    check_folder(path, folder);
    std::error_code absent;
    if (fs::is_directory(path, absent))
      fail(ErrorKind::input, "cannot write '{}': it names a folder, not a file", path.string());
    return;
  }
  const media::NumberedName name = media::parse_numbered_name(path.filename().string());
  std::error_code ignored;
  const bool is_absent = fs::status(folder, ignored).type() == fs::file_type::not_found;
  check_folder(path, is_absent ? folder_of(folder) : folder);  // a sequence's own folder may be created
  check_no_images(folder, name);
}

}  // namespace

void validate_output(const OutputSettings& settings) {
  const media::FilmFormat format = media::choose_format(settings);
  check_place(format, settings.path);
  media::probe_encoder(format);
}

std::unique_ptr<FrameSink> open_output(const OutputSettings& settings) {
  const media::FilmFormat format = media::choose_format(settings);
  std::unique_ptr<FrameSink> publication;
  if (settings.path == "-")
    publication = std::make_unique<Publication<StandardOutput>>(format);
  else if (format.is_image_sequence())
    publication = std::make_unique<Publication<PartFolder>>(format, settings.path);
  else
    publication = std::make_unique<Publication<PartFile>>(format, settings.path);
  return std::make_unique<media::AsyncSink>(std::move(publication));
}

}  // namespace soragen::publishing
