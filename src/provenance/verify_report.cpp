// The two forms of a verification's report: JSON and lines for people.
#include <fmt/ranges.h>

#include "core/fail.h"
#include "core/printable.h"
#include "provenance/marks.h"
#include "provenance/verify.h"

namespace soragen::provenance {
namespace {

constexpr size_t kNameColumn = 12;

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::intact:
      return "intact";
    case Verdict::no_marks:
      return "no_marks";
    case Verdict::broken:
      return "broken";
    case Verdict::watermark_only:
      return "watermark_only";
  }
  return "";
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json credentials_json(const Credentials& found) {
  const bool has_signature = found.state >= CredentialState::invalid;
  return {{"state", to_string(found.state)},
          {"signer", text_or_null(found.signer.empty() ? found.organisation : found.signer)},
          {"issuer_trusted", has_signature ? Json(found.state == CredentialState::trusted) : Json()},
          {"generator", text_or_null(found.generator)},
          {"source_type", text_or_null(found.source_type)},
          {"actions", found.actions},
          {"codes", found.codes}};
}

Json watermark_json(const WatermarkFinding& found) {
  const bool has_mark = found.mark.has_value();
  return {{"found", found.detection ? Json(has_mark) : Json()},
          {"id", has_mark ? Json(found.mark->value) : Json()},
          {"scheme", has_mark ? Json(found.mark->algorithm) : Json()},
          {"score", found.detection ? Json(found.detection->score) : Json()},
          {"bits_corrected", has_mark ? Json(found.detection->bits_corrected) : Json()},
          {"matches_credentials", found.matches_credentials ? Json(*found.matches_credentials) : Json()}};
}

Json register_json(const std::optional<RegisterFinding>& found) {
  return {{"found", found ? Json(!found->manifest.empty()) : Json()},
          {"manifest", found ? text_or_null(found->manifest.string()) : Json()}};
}

void add_line(std::string& text, std::string_view name, std::string_view value) {
  if (!value.empty()) text += fmt::format("  {:<{}} {}\n", name, kNameColumn, printable(value));
}

void add_credentials(std::string& text, const Credentials& found) {
  add_line(text, "signer", found.signer.empty() ? found.organisation : found.signer);
  add_line(text, "signed",
           found.signing_time.empty() && !found.claimed_time.empty() ? found.claimed_time + " (the signer's own clock)"
                                                                     : found.signing_time);
  add_line(text, "generator", found.generator);
  add_line(text, "title", found.title);
  add_line(text, "source type", found.source_type);
  add_line(text, "actions", fmt::format("{}", fmt::join(found.actions, ", ")));
  add_line(text, "codes", fmt::format("{}", fmt::join(found.codes, ", ")));
}

std::string watermark_line(const Verification& verification) {
  const WatermarkFinding& found = verification.watermark;
  const auto& claim = verification.credentials.watermark;
  if (!found.detection) return "not looked for: " + found.problem;
  const std::string problem = found.problem.empty() ? "" : "; looked at the frames before this: " + found.problem;
  if (!found.mark)
    return fmt::format("not found (score {:.1f}){}{}", found.detection->score,
                       claim ? ", though the credentials name " + claim->value : "", problem);
  const char* match = found.matches_credentials == true ? ", as the credentials say" : "";
  return fmt::format("{} (score {:.1f}, {} of {} bits corrected){}{}", found.mark->value, found.detection->score,
                     found.detection->bits_corrected, watermark::raw_bit_count(found.detection->form), match, problem);
}

}  // namespace

Json to_json(const Verification& verification) {
  return {{"verdict", to_string(verification.verdict)},
          {"credentials", credentials_json(verification.credentials)},
          {"watermark", watermark_json(verification.watermark)},
          {"register", register_json(verification.from_register)}};
}

std::string describe(const Verification& verification) {
  const Credentials& credentials = verification.credentials;
  std::string text = verification.sentence + "\n";
  text += fmt::format("credentials: {}{}\n", to_string(credentials.state),
                      credentials.is_beside ? ", in a file beside" : "");
  add_credentials(text, credentials);
  for (const std::string& algorithm : credentials.foreign_watermarks)
    add_line(text, "claims", "a watermark of " + algorithm + ", which is not checked here");
  text += "watermark: " + printable(watermark_line(verification)) + "\n";
  if (!verification.from_register || verification.from_register->manifest.empty()) return text;
  text += fmt::format("register: {} ({})\n", printable(verification.from_register->manifest.string()),
                      to_string(verification.from_register->credentials.state));
  if (credentials.state == CredentialState::none) add_credentials(text, verification.from_register->credentials);
  return text;
}

}  // namespace soragen::provenance
