#include "provenance/credentials/reader.h"

#include <algorithm>

#include "core/fail.h"

namespace soragen::provenance {
namespace {

// The library looks at the bytes; no name of a type decides how a hostile file is read.
constexpr const char* kAnyType = "application/octet-stream";
constexpr const char* kManifestStore = "application/c2pa";

std::string text_at(const Json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const Json& child(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

std::string generator_of(const Json& manifest) {
  const Json& infos = child(manifest, "claim_generator_info");
  if (!infos.is_array() || infos.empty()) return text_at(manifest, "claim_generator");  // claims of version 1
  const std::string name = text_at(infos[0], "name"), version = text_at(infos[0], "version");
  return version.empty() ? name : name + " " + version;
}

void add_actions(const Json& data, Credentials& found) {
  const Json& actions = child(data, "actions");
  if (!actions.is_array()) return;
  for (const Json& action : actions) {
    found.actions.push_back(text_at(action, "action"));
    if (found.claimed_time.empty()) found.claimed_time = text_at(action, "when");
    const std::string type = text_at(action, "digitalSourceType");
    if (found.source_type.empty()) found.source_type = type.substr(type.rfind('/') + 1);
  }
}

void add_assertion(const std::string& label, const Json& data, Credentials& found) {
  if (label.starts_with("c2pa.actions")) add_actions(data, found);
  if (label.starts_with("c2pa.soft-binding")) found.foreign_watermarks.push_back(text_at(data, "alg"));
  if (label == kWatermarkLabel) found.watermark = WatermarkClaim{text_at(data, "alg"), text_at(data, "value")};
  if (label == kRecordLabel) found.record = parse_json(text_at(data, "json"), "the record in the credentials");
}

void add_failures(const Json& results, std::vector<std::string>& codes) {
  const Json& failures = child(results, "failure");
  if (!failures.is_array()) return;
  for (const Json& failure : failures) {
    const std::string code = text_at(failure, "code");
    if (std::find(codes.begin(), codes.end(), code) == codes.end()) codes.push_back(code);
  }
}

void add_validation(const Json& report, Credentials& found) {
  const std::string state = text_at(report, "validation_state");
  found.state = state == "Trusted" ? CredentialState::trusted
                : state == "Valid" ? CredentialState::valid
                                   : CredentialState::invalid;
  const Json& results = child(report, "validation_results");
  add_failures(child(results, "activeManifest"), found.codes);
  const Json& ingredients = child(results, "ingredientDeltas");
  if (!ingredients.is_array()) return;
  for (const Json& ingredient : ingredients) add_failures(child(ingredient, "validationDeltas"), found.codes);
}

Credentials from_report(const Json& report) {
  Credentials found;
  add_validation(report, found);
  const Json& manifest = child(child(report, "manifests"), text_at(report, "active_manifest").c_str());
  found.generator = generator_of(manifest);
  found.title = text_at(manifest, "title");
  const Json& signature = child(manifest, "signature_info");
  found.signer = text_at(signature, "common_name");
  found.organisation = text_at(signature, "issuer");
  found.signing_time = text_at(signature, "time");
  const Json& assertions = child(manifest, "assertions");
  if (!assertions.is_array()) return found;
  for (const Json& assertion : assertions) add_assertion(text_at(assertion, "label"), child(assertion, "data"), found);
  return found;
}

// The kinds of failure that are no damage: nothing there, a type that cannot hold credentials, a file that only names
// credentials kept elsewhere (nothing is fetched), and one that the library does not understand.
Credentials from_error(const std::string& error) {
  if (error.starts_with("ManifestNotFound") || error.starts_with("NotSupported")) return {};
  if (error.starts_with("Remote")) return {.codes = {error}};
  const bool is_foreign = error.starts_with("Other: asset could not be parsed") ||
                          error.starts_with("Other: prerelease content") || error.starts_with("Io:");
  return {.state = is_foreign ? CredentialState::unknown : CredentialState::damaged, .codes = {error}};
}

Credentials read(C2paReader* reader) {
  const Owned<C2paReader> owned(reader);
  if (!owned) return from_error(last_library_error());
  const Owned<char> report(c2pa_reader_json(owned.get()));
  if (!report) return from_error(last_library_error());
  try {
    return from_report(parse_json(report.get(), "the credentials"));
  } catch (const Error& error) {
    return {.state = CredentialState::damaged, .codes = {error.what()}};
  }
}

Owned<C2paReader> open_reader(const std::string& anchors) {
  const Owned<C2paContext> context = make_context(anchors);
  Owned<C2paReader> reader(c2pa_reader_from_context(context.get()));
  if (!reader) fail_by_library(ErrorKind::internal, "cannot set up the C2PA reader");
  return reader;
}

const uint8_t* data_of(std::span<const std::byte> bytes) { return reinterpret_cast<const uint8_t*>(bytes.data()); }

}  // namespace

std::string_view to_string(CredentialState state) {
  switch (state) {
    case CredentialState::none:
      return "none";
    case CredentialState::unknown:
      return "unknown";
    case CredentialState::damaged:
      return "damaged";
    case CredentialState::invalid:
      return "invalid";
    case CredentialState::valid:
      return "valid";
    case CredentialState::trusted:
      return "trusted";
  }
  return "none";
}

Credentials read_credentials(const std::filesystem::path& file, const std::string& anchors) {
  const FileStream stream(file, FileStream::Mode::read);
  Credentials found = read(c2pa_reader_with_stream(open_reader(anchors).release(), kAnyType, stream.get()));
  stream.check();
  return found;
}

Credentials read_credentials(const FileStream& file, std::span<const std::byte> manifest, const std::string& anchors) {
  Credentials found = read(c2pa_reader_with_manifest_data_and_stream(open_reader(anchors).release(), kAnyType,
                                                                     file.get(), data_of(manifest), manifest.size()));
  file.check();
  found.is_beside = found.state != CredentialState::none;
  return found;
}

Credentials read_credentials(const std::filesystem::path& file, std::span<const std::byte> manifest,
                             const std::string& anchors) {
  return read_credentials(FileStream(file, FileStream::Mode::read), manifest, anchors);
}

Credentials read_manifest(std::span<const std::byte> manifest, const std::string& anchors) {
  const FileStream stream("a manifest store", manifest);
  Credentials found = read(c2pa_reader_with_stream(open_reader(anchors).release(), kManifestStore, stream.get()));
  found.is_beside = found.state != CredentialState::none;
  // Without the file, its hash cannot match. What is left of the failures decides.
  std::erase_if(found.codes, [](const std::string& code) { return code.ends_with("Hash.mismatch"); });
  const bool is_only_untrusted = std::all_of(found.codes.begin(), found.codes.end(), [](const std::string& code) {
    return code == "signingCredential.untrusted";
  });
  if (found.state == CredentialState::invalid && is_only_untrusted)
    found.state = found.codes.empty() ? CredentialState::trusted : CredentialState::valid;
  return found;
}

}  // namespace soragen::provenance
