// Carries out a film's marks: label and watermark in every frame, the signed credentials in the finished file or in a
// file beside it, the entry in this machine's register.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/part_file.h"
#include "media/film_format.h"
#include "provenance/marks.h"
#include "provenance/watermark/embedder.h"
#include "soragen/frame.h"

namespace soragen::publishing {

// Where the credentials of a form that cannot hold them go: film.mkv.c2pa.
std::filesystem::path credentials_beside(const std::filesystem::path& film);
// Whether they have to go there.
bool needs_file_beside(const media::FilmFormat& format, const provenance::Marks& marks);

class Marker {
 public:
  // film: its final name, "-" for standard output, a numbered name for images. Opens the file beside, where one is
  // needed, so that a place that cannot be written shows at once.
  Marker(const media::FilmFormat& format, const std::filesystem::path& film, const provenance::Marks& marks);

  const Frame& mark(const Frame& frame);  // valid until the next call
  // Signs a file that is whole, under whatever name it has now. title: its final file name.
  void sign(const std::filesystem::path& file, const std::string& title);
  void commit();           // gives the file beside its name; just before the film gets its own
  void revert() noexcept;  // takes that back
  void discard() noexcept;
  // When the film has its name: the register, and away with the credentials of the film that it replaced.
  void conclude();

 private:
  provenance::Statement statement_for(const std::string& title) const;

  media::FilmFormat format_;
  std::filesystem::path film_;
  provenance::Marks marks_;
  std::optional<provenance::watermark::Embedder> embedder_;
  std::unique_ptr<PartFile> beside_;
  Frame marked_;
  std::vector<std::byte> manifest_;  // of the film, or of its first image
};

}  // namespace soragen::publishing
