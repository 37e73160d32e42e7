// Reads the credentials of any file: soragen's and everybody's. Everything in them is a claim by whoever signed, and
// text from outside. Nothing is fetched: what a file keeps elsewhere counts as absent.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "provenance/credentials/library.h"
#include "provenance/credentials/manifest.h"

namespace soragen::provenance {

enum class CredentialState {  // in order
  none,                       // with a code: the file names credentials kept elsewhere
  unknown,  // the library does not understand the file or the age of its credentials, so it cannot tell
  damaged,  // there, but not readable
  invalid,  // readable, but the file or the credentials are not as they were signed, or the signature does not count
  valid,    // as signed; the signer's certificate has no known issuer
  trusted,  // as signed, under one of the given anchors
};
std::string_view to_string(CredentialState state);

struct Credentials {
  CredentialState state = CredentialState::none;
  bool is_beside = false;  // the manifest was not in the file itself
  std::string signer, organisation;
  std::string signing_time;  // from a time-stamp authority, or ""
  std::string claimed_time;  // of the first action, by the signer's own clock, or ""
  std::string generator;     // "soragen 0.1.0"
  std::string title;
  std::string source_type;                  // last part of the digital source type's address, "trainedAlgorithmicMedia"
  std::vector<std::string> actions;         // "c2pa.created", in order
  std::vector<std::string> codes;           // failures: C2PA's codes, or the library's words where it read nothing
  std::optional<WatermarkClaim> watermark;  // what soragen says it embedded
  std::vector<std::string> foreign_watermarks;  // algorithms of other soft bindings, which are not checked here
  Json record;                                  // soragen's record of the film's making, or null
};

// Of what is in the file.
Credentials read_credentials(const std::filesystem::path& file, const std::string& anchors);
// Of a manifest store kept apart from its file.
Credentials read_credentials(const std::filesystem::path& file, std::span<const std::byte> manifest,
                             const std::string& anchors);
Credentials read_credentials(const FileStream& file, std::span<const std::byte> manifest, const std::string& anchors);
// Of a manifest store whose file is not at hand: the state is that of the signature and of what it covers inside.
Credentials read_manifest(std::span<const std::byte> manifest, const std::string& anchors);

}  // namespace soragen::provenance
