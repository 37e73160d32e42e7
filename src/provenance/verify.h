// What can be known about where a film comes from: its credentials, its watermark, and this machine's register. Works
// on any file that either the C2PA library or libav can read. A watermark is a hint and never a proof: it can be copied
// onto anything.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "provenance/credentials/reader.h"
#include "provenance/watermark/detector.h"

namespace soragen::provenance {

enum class Verdict {
  intact,          // valid credentials, and nothing against them
  no_marks,        // neither credentials nor watermark: says nothing about the film
  broken,          // changed after signing, a signature that does not count, or marks that contradict each other
  watermark_only,  // a watermark, and no credentials
};
int exit_code(Verdict verdict);  // 0, 10, 11, 12

struct WatermarkFinding {
  std::optional<watermark::Detection> detection;  // nothing: no frame could be looked at
  std::string problem;                            // what ended the looking before its time, or ""
  std::optional<WatermarkClaim> mark;             // what was found
  std::optional<bool> matches_credentials;        // where both are there
};

struct RegisterFinding {
  std::filesystem::path manifest;  // "" if none was found
  Credentials credentials;
};

struct Verification {
  Verdict verdict = Verdict::no_marks;
  std::string sentence;  // in plain words, one line
  Credentials credentials;
  WatermarkFinding watermark;
  std::optional<RegisterFinding> from_register;
};

struct VerifySettings {
  std::string anchors;  // PEM; signatures under them are trusted
  bool use_register = true;
  watermark::Key key = watermark::public_key();
  std::optional<watermark::Effort> effort = {};  // not given: as much as what happened to the film may need
};

// FILE.mp4.c2pa, as soragen names it, or FILE.c2pa, as others do.
std::optional<std::filesystem::path> manifest_beside(const std::filesystem::path& file);

// In the file, or beside it as FILE.mp4.c2pa or FILE.c2pa. Throws Error{input} if there is no such file.
Credentials find_credentials(const std::filesystem::path& file, const std::string& anchors);

// Throws Error{input} if the file cannot be read, neither as a film nor for its credentials.
Verification verify(const std::filesystem::path& file, const VerifySettings& settings);

// {"verdict", "credentials": {...}, "watermark": {...}, "register": {...}}; what is not known is null.
Json to_json(const Verification& verification);

// The sentence and, line by line, what it rests on. Text from the file is made printable.
std::string describe(const Verification& verification);

}  // namespace soragen::provenance
