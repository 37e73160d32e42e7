#include "publishing/marker.h"

#include <fstream>

#include "core/fail.h"
#include "core/log.h"
#include "provenance/register.h"

namespace soragen::publishing {
namespace fs = std::filesystem;

namespace {

bool is_pipe(const media::FilmFormat& format) { return format.container->extension == "-"; }
std::string media_type(const media::FilmFormat& format) { return std::string(format.container->media_type); }

std::optional<provenance::watermark::Embedder> make_embedder(const media::FilmFormat& format,
                                                             const provenance::Marks& marks) {
  if (!marks.watermark) return std::nullopt;
  SORAGEN_ASSERT(!marks.parents_watermark);
  const provenance::watermark::Settings settings{.id = marks.watermark->id, .key = marks.watermark->key};
  return provenance::watermark::Embedder(settings, format.width, format.height, marks.frames);
}

void write_beside(const fs::path& path, const std::vector<std::byte>& manifest) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(manifest.data()), static_cast<std::streamsize>(manifest.size()));
  file.close();
  if (!file) fail(ErrorKind::resource, "cannot write the credentials to {}: the disk is full", path.string());
}

}  // namespace

fs::path credentials_beside(const fs::path& film) { return film.string() + ".c2pa"; }

bool needs_file_beside(const media::FilmFormat& format, const provenance::Marks& marks) {
  return marks.signer && !is_pipe(format) && !provenance::can_embed(media_type(format));
}

Marker::Marker(const media::FilmFormat& format, const fs::path& film, const provenance::Marks& marks)
    : format_(format), film_(film), marks_(marks), embedder_(make_embedder(format, marks)) {
  if (!needs_file_beside(format, marks)) return;
  SORAGEN_ASSERT(!format.is_image_sequence());  // would need a file beside each image
  beside_ = std::make_unique<PartFile>(credentials_beside(film));
}

const Frame& Marker::mark(const Frame& frame) {
  if (!embedder_ && !marks_.label) return frame;
  marked_ = frame;
  if (marks_.label) marks_.label->draw(marked_);
  if (embedder_) embedder_->mark(marked_);
  return marked_;
}

provenance::Statement Marker::statement_for(const std::string& title) const {
  provenance::Statement statement{.title = title,
                                  .source_type = marks_.source_type,
                                  .model_name = marks_.model_name,
                                  .model_identifier = marks_.model_identifier,
                                  .watermark = marks_.parents_watermark,
                                  .has_parents_watermark = marks_.parents_watermark.has_value(),
                                  .has_label = marks_.label.has_value(),
                                  .ingredients = marks_.ingredients,
                                  .record = marks_.record};
  if (embedder_) statement.watermark = provenance::watermark_claim(embedder_->form(), embedder_->id());
  return statement;
}

void Marker::sign(const fs::path& file, const std::string& title) {
  if (!marks_.signer) return;
  std::vector<std::byte> manifest = marks_.signer->sign(statement_for(title), file, media_type(format_));
  if (beside_) write_beside(beside_->path(), manifest);
  if (manifest_.empty()) manifest_ = std::move(manifest);
}

void Marker::commit() {
  if (beside_) beside_->commit();
}

void Marker::revert() noexcept {
  std::error_code ignored;
  if (beside_) fs::remove(beside_->target(), ignored);
}

void Marker::discard() noexcept {
  if (beside_) beside_->discard();
}

void Marker::conclude() {
  std::error_code ignored;
  // Left by a film of this name that was signed; with this one they would read as a film changed after signing.
  if (!marks_.signer && !is_pipe(format_) && fs::remove(credentials_beside(film_), ignored))
    log_info("removed {}, the credentials of the film that was replaced", credentials_beside(film_).string());
  if (manifest_.empty() || !embedder_) return;
  try {
    const provenance::WatermarkClaim claim = provenance::watermark_claim(embedder_->form(), embedder_->id());
    provenance::enter_in_register(claim.value, manifest_, film_.filename().string(), media_type(format_));
  } catch (const Error& error) {
    log_warning("the film is whole, but is not in this machine's register: {}", error.what());
  }
}

}  // namespace soragen::publishing
