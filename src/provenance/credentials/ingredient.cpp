#include "provenance/credentials/ingredient.h"

#include "core/fail.h"
#include "core/mapped_file.h"

namespace soragen::provenance {
namespace {

constexpr const char* kManifestName = "manifest.c2pa";

[[noreturn]] void refuse(const Ingredient& ingredient) {
  fail_by_library(ErrorKind::input, fmt::format("cannot name {} in the credentials", ingredient.path.string()));
}

// The library finds credentials only in the file itself; others are handed to it with the result of their check.
void add_manifest_beside(C2paBuilder& builder, const Ingredient& ingredient, size_t number, Json& definition) {
  const MappedFile manifest(ingredient.manifest);
  const FileStream film(ingredient.path, FileStream::Mode::read);
  const Owned<C2paContext> context = make_context("");
  const auto* bytes = reinterpret_cast<const uint8_t*>(manifest.bytes().data());
  const Owned<C2paReader> reader(c2pa_reader_with_manifest_data_and_stream(c2pa_reader_from_context(context.get()),
                                                                           ingredient.media_type.c_str(), film.get(),
                                                                           bytes, manifest.bytes().size()));
  film.check();
  const Owned<char> report(reader ? c2pa_reader_json(reader.get()) : nullptr);
  if (!report) refuse(ingredient);
  const std::string name = fmt::format("{}-{}", number, kManifestName);
  const FileStream copy(name, manifest.bytes());
  if (c2pa_builder_add_resource(&builder, name.c_str(), copy.get()) != 0) refuse(ingredient);
  const Json found = parse_json(report.get(), "the credentials of " + ingredient.path.string());
  const JsonObject checked(found, "the credentials of " + ingredient.path.string());
  definition["manifest_data"] = {{"format", "application/c2pa"}, {"identifier", name}};
  definition["active_manifest"] = checked.string("active_manifest");
  definition["validation_results"] = checked.at("validation_results");
}

}  // namespace

void add_ingredient(C2paBuilder& builder, const Ingredient& ingredient, size_t number) {
  Json definition = ingredient_definition(ingredient, number);
  if (!ingredient.manifest.empty()) add_manifest_beside(builder, ingredient, number, definition);
  const FileStream stream(ingredient.path, FileStream::Mode::read);
  const std::string json = definition.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (c2pa_builder_add_ingredient_from_stream(&builder, json.c_str(), ingredient.media_type.c_str(), stream.get()) == 0)
    return;
  stream.check();
  refuse(ingredient);
}

}  // namespace soragen::provenance
