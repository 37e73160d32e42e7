#include "publishing/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "core/fail.h"
#include "core/part_file.h"
#include "media/async_sink.h"
#include "media/film_writer.h"
#include "media/image_writer.h"
#include "publishing/marker.h"
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

// What there is to sign, with the name that it will have.
struct FinishedFile {
  fs::path path;
  std::string title;
};
std::vector<FinishedFile> finished_files(const StandardOutput&) { return {}; }
std::vector<FinishedFile> finished_files(const PartFile& file) {
  return {{file.path(), file.target().filename().string()}};
}
std::vector<FinishedFile> finished_files(const PartFolder& folder) {
  std::vector<FinishedFile> files;
  for (int64_t number = 1;; ++number) {
    const std::string name = folder.name().at(number);
    std::error_code ignored;
    if (!fs::exists(folder.path() / name, ignored)) return files;
    files.push_back({folder.path() / name, name});
  }
}

// A film on its way into a Place: what is done to every frame stands in push(), what is done to the whole
// file before anybody can see it stands in finish(), between the writer's end and commit().
template <typename Place>
class Publication final : public FrameSink {
 public:
  template <typename... Args>
  Publication(const media::FilmFormat& format, const fs::path& film, const provenance::Marks& marks, Args&&... place)
      : marker_(format, film, marks), place_(std::forward<Args>(place)...), writer_(open_writer(format, place_)) {}

  void push(const Frame& frame) override { writer_->push(marker_.mark(frame)); }

  void finish() override {
    writer_->finish();
    for (const FinishedFile& file : finished_files(place_)) marker_.sign(file.path, file.title);
    marker_.commit();
    try {
      place_.commit();
    } catch (...) {
      marker_.revert();
      throw;
    }
    marker_.conclude();
  }

  void abort() noexcept override {
    writer_->abort();
    place_.discard();
    marker_.discard();
  }

 private:
  Marker marker_;
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

void validate_output(const OutputSettings& settings, const provenance::Marks& marks) {
  const media::FilmFormat format = media::choose_format(settings);
  check_place(format, settings.path);
  if (needs_file_beside(format, marks)) check_place(format, credentials_beside(settings.path));
  media::probe_encoder(format);
  if (!format.audio_from.empty()) media::check_audio(format);
}

std::unique_ptr<FrameSink> open_output(const OutputSettings& settings, const provenance::Marks& marks) {
  const media::FilmFormat format = media::choose_format(settings);
  const fs::path film = settings.path;
  std::unique_ptr<FrameSink> publication;
  if (film == "-")
    publication = std::make_unique<Publication<StandardOutput>>(format, film, marks);
  else if (format.is_image_sequence())
    publication = std::make_unique<Publication<PartFolder>>(format, film, marks, film);
  else
    publication = std::make_unique<Publication<PartFile>>(format, film, marks, film);
  return std::make_unique<media::AsyncSink>(std::move(publication));
}

}  // namespace soragen::publishing
