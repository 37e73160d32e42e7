#include "provenance/credentials/manifest.h"

#include <algorithm>

#include "core/version.h"

namespace soragen::provenance {
namespace {

constexpr const char* kSpecVersion = "2.4.0";
constexpr const char* kSourceTypes = "http://cv.iptc.org/newscodes/digitalsourcetype/";

std::string ingredient_id(size_t number) { return "input-" + std::to_string(number); }

Json software() { return {{"name", "soragen"}, {"version", version()}}; }

// "created": the signer vouches for the assertion; otherwise it would count as gathered from others.
Json assertion(const std::string& label, Json data) {
  return {{"label", label}, {"created", true}, {"data", std::move(data)}};
}

std::string address_of(const std::string& source_type) { return kSourceTypes + source_type; }

bool has_parent(const Statement& statement) {
  return std::any_of(statement.ingredients.begin(), statement.ingredients.end(),
                     [](const Ingredient& entry) { return entry.relationship == "parentOf"; });
}

Json first_action(const Statement& statement) {
  Json action = {{"action", "c2pa.created"}, {"digitalSourceType", address_of(statement.source_type)}};
  if (has_parent(statement)) action = {{"action", "c2pa.opened"}};
  for (size_t i = 0; i < statement.ingredients.size(); ++i)
    action["parameters"]["ingredientIds"].push_back(ingredient_id(i));
  return action;
}

Json actions(const Statement& statement, const std::string& created) {
  Json list = {first_action(statement)};
  if (has_parent(statement)) {
    list.push_back({{"action", "c2pa.edited.metadata"}, {"digitalSourceType", address_of(statement.source_type)}});
    if (statement.has_label)
      list.push_back({{"action", "c2pa.addedText"}, {"digitalSourceType", address_of("humanEdits")}});
  }
  // "bound" would need a soft binding whose algorithm is on C2PA's list, and ours is not.
  if (statement.watermark && !statement.has_parents_watermark) list.push_back({{"action", "c2pa.watermarked.unbound"}});
  if (has_parent(statement)) list.push_back({{"action", "c2pa.transcoded"}});
  for (Json& action : list) action.update({{"when", created}, {"softwareAgent", software()}});
  return {{"actions", list}, {"allActionsIncluded", true}};
}

Json metadata(const Statement& statement) {
  return {{"@context", {{"Iptc4xmpExt", "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"}}},
          {"Iptc4xmpExt:DigitalSourceType", address_of(statement.source_type)}};
}

Json ai_disclosure(const Statement& statement) {
  return {{"modelType", "c2pa.types.model"},
          {"modelName", statement.model_name},
          {"modelIdentifier", statement.model_identifier},
          {"contentProfile", {{"humanOversightLevel", "prompt_guided"}}}};
}

}  // namespace

const std::vector<std::string_view>& source_types() {
  static const std::vector<std::string_view> terms = {"trainedAlgorithmicMedia",
                                                      "compositeWithTrainedAlgorithmicMedia",
                                                      "compositeSynthetic",
                                                      "algorithmicMedia",
                                                      "algorithmicallyEnhanced",
                                                      "virtualRecording",
                                                      "dataDrivenMedia",
                                                      "digitalCreation",
                                                      "screenCapture",
                                                      "humanEdits",
                                                      "composite",
                                                      "compositeCapture",
                                                      "computationalCapture",
                                                      "digitalCapture",
                                                      "negativeFilm",
                                                      "positiveFilm",
                                                      "print"};
  return terms;
}

Json manifest_definition(const Statement& statement, const std::string& created) {
  Json generator = software();
  generator["specVersion"] = kSpecVersion;
  Json assertions = {assertion("c2pa.actions.v2", actions(statement, created))};
  if (statement.watermark)
    assertions.push_back(
        assertion(kWatermarkLabel, {{"alg", statement.watermark->algorithm}, {"value", statement.watermark->value}}));
  if (has_parent(statement)) assertions.push_back(assertion("c2pa.metadata", metadata(statement)));
  if (!statement.model_name.empty()) assertions.push_back(assertion("c2pa.ai-disclosure", ai_disclosure(statement)));
  // As text: the library reads JSON numbers less exactly than it should, and gives lists of small ones back as base64.
  if (!statement.record.is_null())
    assertions.push_back(
        assertion(kRecordLabel, {{"json", statement.record.dump(-1, ' ', false, Json::error_handler_t::replace)}}));
  return {{"claim_version", 2},
          {"claim_generator_info", {generator}},
          {"title", statement.title},
          {"assertions", assertions}};
}

Json ingredient_definition(const Ingredient& ingredient, size_t number) {
  return {{"title", ingredient.path.filename().string()},
          {"relationship", ingredient.relationship},
          {"label", ingredient_id(number)}};
}

}  // namespace soragen::provenance
