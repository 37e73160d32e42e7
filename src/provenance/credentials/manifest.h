// What a film's credentials say, and that as a manifest definition for the C2PA library: claim version 2, actions and
// assertions as C2PA 2.4 has them. The prompt is never among it; see the record, whose maker decides.
//
// Where the source type stands: a film made here is c2pa.created with it. A film with a parent begins with
// c2pa.opened, on which C2PA allows none; then it is what its marker says of it: IPTC's field in c2pa.metadata, and the
// c2pa.edited.metadata that added it, since readers look for source types on actions.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace soragen::provenance {

// A term of IPTC's list of digital source types.
inline constexpr const char* kTrainedAlgorithmicMedia = "trainedAlgorithmicMedia";
// The terms of that list that are not retired.
const std::vector<std::string_view>& source_types();
inline constexpr const char* kWatermarkLabel = "org.soragen.watermark";
inline constexpr const char* kRecordLabel = "org.soragen.record";

// A file that the film was made from.
struct Ingredient {
  std::filesystem::path path;
  std::string media_type;               // "video/mp4"
  std::string relationship;             // "inputTo": material; "parentOf": the film before a change (at most one)
  std::filesystem::path manifest = {};  // its credentials where they are not in the file itself
};

struct WatermarkClaim {
  std::string algorithm;  // of the watermark, "org.soragen.watermark.1"
  std::string value;      // the film's id, "0badcafe"
};

struct Statement {
  std::string title;  // the film's file name
  std::string source_type = kTrainedAlgorithmicMedia;
  std::string model_name, model_identifier;  // "" where the maker is not known
  std::optional<WatermarkClaim> watermark;
  bool has_parents_watermark = false;  // the parent brought it
  bool has_label = false;              // text was drawn into the picture
  std::vector<Ingredient> ingredients;
  Json record;  // of the film's making, null if there is none
};

// created: "2026-11-24T16:00:00Z".
Json manifest_definition(const Statement& statement, const std::string& created);
Json ingredient_definition(const Ingredient& ingredient, size_t number);

}  // namespace soragen::provenance
