#include "cli/marking.h"

#include "core/fail.h"
#include "core/log.h"
#include "pipeline/fingerprint.h"
#include "provenance/credentials/identity.h"
#include "publishing/marker.h"

namespace soragen::cli {
namespace {

void check_flags(const MarkFlags& flags) {
  if (flags.sign_cert.empty() != flags.sign_key.empty())
    fail(ErrorKind::usage, "--sign-cert and --sign-key go together: a certificate chain and its private key, both PEM");
  const bool has_signing = !flags.sign_cert.empty() || !flags.tsa.empty();
  if (flags.no_credentials && has_signing)
    fail(ErrorKind::usage, "--no-credentials leaves nothing to sign; leave out --sign-cert, --sign-key and --tsa");
  if (flags.no_watermark && !flags.watermark_key.empty())
    fail(ErrorKind::usage, "--no-watermark leaves nothing for --watermark-key");
}

std::shared_ptr<const provenance::Signer> open_signer(const MarkFlags& flags) {
  if (flags.no_credentials) return nullptr;
  provenance::Identity identity = flags.sign_cert.empty() ? provenance::local_identity()
                                                          : provenance::read_identity(flags.sign_cert, flags.sign_key);
  return std::make_shared<provenance::Signer>(std::move(identity), flags.tsa);
}

}  // namespace

MarkTools open_mark_tools(const MarkFlags& flags) {
  check_flags(flags);
  MarkTools tools;
  if (!flags.watermark_key.empty()) tools.key = provenance::read_watermark_key(flags.watermark_key);
  tools.signer = open_signer(flags);
  if (flags.no_watermark) log_warning("--no-watermark: nothing in the frames says that they were generated");
  if (flags.no_credentials) log_warning("--no-credentials: nothing signed says where the film comes from");
  return tools;
}

Marking::Marking(const MarkFlags& flags, const families::ModelSpec& spec)
    : flags_(flags), spec_(spec), tools_(open_mark_tools(flags)) {
  model_name_ = std::filesystem::absolute(spec.directory / "").lexically_normal().parent_path().filename().string();
  fingerprint_ = pipeline::model_fingerprint(spec.directory);
}

// 16 bits are the mark of a small film, and a batch may have thousands of them.
uint32_t Marking::draw_id(const FilmOrder& order) {
  constexpr int kTries = 100;
  uint32_t id = 0;
  for (int i = 0; i < kTries; ++i) {
    id = provenance::draw_film_id(order.output.width, order.output.height, static_cast<int>(order.plan.frames));
    if (drawn_.insert(id).second) break;
  }
  return id;
}

provenance::Marks Marking::marks_for(const FilmOrder& order) {
  provenance::Marks marks{.signer = tools_.signer,
                          .frames = static_cast<int>(order.plan.frames),
                          .model_name = model_name_,
                          .model_identifier = fingerprint_,
                          .ingredients = order.inputs};
  if (!flags_.no_watermark) marks.watermark = provenance::Watermark{draw_id(order), tools_.key};
  if (tools_.signer && order.output.path == "-")
    log_warning("standard output cannot hold signed credentials{}",
                marks.watermark ? "; the film carries its watermark alone" : "");
  return marks;
}

void add_label(const std::optional<std::string>& asked, publishing::OutputSettings& output, provenance::Marks& marks) {
  if (!asked) return;
  marks.label.emplace(provenance::label_text(*asked), output.width, output.height);
  if (*asked != "cn") return;
  const auto watermark = watermark_of(marks, output);
  if (!watermark) fail(ErrorKind::usage, "--label cn names the film by its watermark's id; leave out --no-watermark");
  output.metadata[provenance::kAigcKey] = provenance::aigc_metadata(watermark->value);
  if (!media::choose_format(output).container->holds_metadata)
    log_warning("--label cn: {} cannot hold the metadata {}, the label's part for machines; .mp4 can", output.path,
                provenance::kAigcKey);
}

std::optional<provenance::WatermarkClaim> watermark_of(const provenance::Marks& marks,
                                                       const publishing::OutputSettings& output) {
  if (!marks.watermark) return marks.parents_watermark;
  const auto form = provenance::watermark::choose_form(output.width, output.height, marks.frames);
  return provenance::watermark_claim(form, marks.watermark->id);
}

Json describe_marks(const provenance::Marks& marks, const publishing::OutputSettings& output) {
  Json watermark, credentials;
  if (const auto claim = watermark_of(marks, output)) watermark = {{"scheme", claim->algorithm}, {"id", claim->value}};
  if (marks.signer && output.path != "-")
    credentials = publishing::needs_file_beside(media::choose_format(output), marks) ? "beside" : "embedded";
  return {{"watermark", watermark}, {"credentials", credentials}};
}

}  // namespace soragen::cli
