#include "provenance/verify.h"

#include <algorithm>

#include "core/fail.h"
#include "core/mapped_file.h"
#include "media/reader.h"
#include "provenance/marks.h"
#include "provenance/register.h"
#include "provenance/verdict.h"

namespace soragen::provenance {
namespace fs = std::filesystem;

namespace {

constexpr int kFramesLookedAt = 64;      // more add nothing that the detector needs
constexpr int64_t kFramesDecoded = 512;  // of a long film only the beginning, 20 s at 24 fps
constexpr size_t kMaxManifestBytes = size_t{64} << 20;

void check_regular_file(const fs::path& file) {
  std::error_code error;
  const fs::file_type type = fs::status(file, error).type();
  if (type == fs::file_type::not_found) fail(ErrorKind::input, "cannot read {}: no such file", file.string());
  if (error) fail(ErrorKind::input, "cannot read {}: {}", file.string(), error.message());
  if (type != fs::file_type::regular) fail(ErrorKind::input, "cannot read {}: it is not a regular file", file.string());
}

// Frames spread over the film's beginning. A film that is damaged further on still has those before.
WatermarkFinding look_at_frames(const fs::path& file, const watermark::Key& key, watermark::Effort effort) {
  WatermarkFinding finding;
  watermark::Detector detector(key);
  try {
    media::Reader reader(file);
    const int64_t count = std::clamp<int64_t>(reader.info().video.frame_count, 1, kFramesDecoded);
    const int64_t stride = std::max<int64_t>(count / kFramesLookedAt, 1);
    Frame frame;
    for (int64_t i = 0; detector.frames() < kFramesLookedAt && i < kFramesDecoded && reader.next(frame); ++i)
      if (i % stride == 0) detector.add(frame);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input && error.kind() != ErrorKind::unsupported) throw;
    finding.problem = error.what();
  }
  if (detector.frames() > 0) finding.detection = detector.detect(effort);
  return finding;
}

WatermarkFinding find_watermark(const fs::path& file, const VerifySettings& settings, const Credentials& credentials) {
  // Where the file is as it was signed, nothing has turned or cropped it.
  const bool is_as_signed =
      credentials.state == CredentialState::valid || credentials.state == CredentialState::trusted;
  const auto effort = is_as_signed && credentials.watermark ? watermark::Effort::fixed : watermark::Effort::full;
  WatermarkFinding finding = look_at_frames(file, settings.key, settings.effort.value_or(effort));
  if (!finding.detection || !finding.detection->found) return finding;
  finding.mark = watermark_claim(finding.detection->form, finding.detection->id);
  if (credentials.watermark)
    finding.matches_credentials = credentials.watermark->algorithm == finding.mark->algorithm &&
                                  credentials.watermark->value == finding.mark->value;
  return finding;
}

std::optional<RegisterFinding> look_into_register(const WatermarkFinding& watermark, const std::string& anchors) {
  if (!watermark.mark) return std::nullopt;
  const std::optional<RegisterEntry> entry = find_in_register(watermark.mark->value);
  if (!entry) return RegisterFinding{};
  return RegisterFinding{entry->path, read_manifest(entry->manifest, anchors)};
}

}  // namespace

std::optional<fs::path> manifest_beside(const fs::path& file) {
  std::error_code ignored;
  for (const fs::path& path : {fs::path(file.string() + ".c2pa"), fs::path(file).replace_extension(".c2pa")})
    if (path != file && fs::is_regular_file(path, ignored)) return path;
  return std::nullopt;
}

Credentials find_credentials(const fs::path& file, const std::string& anchors) {
  Credentials found = read_credentials(file, anchors);
  if (found.state != CredentialState::none) return found;
  const std::optional<fs::path> beside = manifest_beside(file);
  if (!beside) return found;
  const MappedFile manifest(*beside);
  if (manifest.bytes().size() > kMaxManifestBytes)
    fail(ErrorKind::input, "{} has {} bytes; no manifest is larger than {}", beside->string(), manifest.bytes().size(),
         kMaxManifestBytes);
  return read_credentials(file, manifest.bytes(), anchors);
}

Verification verify(const fs::path& file, const VerifySettings& settings) {
  check_regular_file(file);
  Verification found;
  found.credentials = find_credentials(file, settings.anchors);
  found.watermark = find_watermark(file, settings, found.credentials);
  const CredentialState state = found.credentials.state;
  if (!found.watermark.detection && (state == CredentialState::none || state == CredentialState::unknown))
    fail(ErrorKind::input, "{}", found.watermark.problem);
  if (settings.use_register) found.from_register = look_into_register(found.watermark, settings.anchors);
  found.verdict = verdict_of(found);
  found.sentence = sentence_of(found);
  return found;
}

}  // namespace soragen::provenance
