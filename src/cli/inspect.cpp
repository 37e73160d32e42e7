// soragen inspect PATH: what a model directory, a film or a latent file holds. Reads headers, computes nothing.
#include <filesystem>
#include <map>

#include "cli/commands.h"
#include "cli/film.h"
#include "cli/film_record.h"
#include "cli/quantities.h"
#include "cli/results.h"
#include "core/fail.h"
#include "core/printable.h"
#include "media/reader.h"
#include "pipeline/generator.h"
#include "pipeline/latents.h"
#include "pipeline/options.h"
#include "pipeline/profile.h"
#include "weights/store.h"

namespace soragen::cli {
namespace fs = std::filesystem;

namespace {

constexpr size_t kNameColumn = 18;

// A component's weights as their headers state them.
Json read_component(const fs::path& folder) {
  const weights::WeightStore store(folder, {"diffusion_pytorch_model", "model"});
  Json dtypes = Json::object();
  for (const auto& [name, tensor] : store.tensors()) {
    const std::string dtype(weights::to_string(tensor.dtype));
    dtypes[dtype] = dtypes.value(dtype, int64_t{0}) + static_cast<int64_t>(tensor.bytes.size());
  }
  int64_t files = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    files += entry.path().extension() == ".safetensors";
  return {
      {"files", files}, {"tensors", store.tensors().size()}, {"bytes", store.byte_size()}, {"bytes_by_dtype", dtypes}};
}

// Runs a part of the inspection; what it throws is a finding like any other.
template <typename Part>
void note_problems(Json& problems, const Part& part) {
  try {
    part();
  } catch (const Error& error) {
    problems.push_back(error.what());
  }
}

void inspect_components(const fs::path& directory, Json& components, Json& problems) {
  const Json index = read_json_file(directory / "model_index.json");
  for (const auto& [name, value] : index.items()) {
    const bool is_component = value.is_array() && value.size() == 2 && value[1].is_string();  // [library, class]
    if (!is_component) continue;
    if (fs::path(name).filename() != fs::path(name) || name == "..") {
      problems.push_back(fmt::format("model_index.json: component '{}' is not a plain folder name", name));
      continue;
    }
    Json component = {{"name", name}, {"class", value[1]}};
    if (!fs::is_directory(directory / name)) {
      problems.push_back(fmt::format("{} is missing: model_index.json names it", (directory / name).string()));
    } else if (!name.starts_with("scheduler") && !name.starts_with("tokenizer")) {
      note_problems(problems, [&] { component.update(read_component(directory / name)); });
    }
    components.push_back(std::move(component));
  }
}

Json inspect_model(const fs::path& directory) {
  Json found = {
      {"kind", "model"}, {"path", directory.string()}, {"components", Json::array()}, {"problems", Json::array()}};
  if (!fs::exists(directory / "model_index.json")) {
    pipeline::open_model(directory);  // says what is expected of a model directory
  }
  note_problems(found["problems"], [&] {
    const families::ModelSpec spec = pipeline::open_model(directory);
    const pipeline::Resolved resolved = pipeline::resolve({}, spec);
    found["family"] = spec.family;
    found["class"] = spec.pipeline_class;
    found["profile"] = resolved.profile.empty() ? Json() : Json(resolved.profile);
    found["facts"] = spec.facts;
    found["defaults"] = pipeline::to_json(resolved.request);
  });
  note_problems(found["problems"], [&] { inspect_components(directory, found["components"], found["problems"]); });
  return found;
}

Json inspect_latents(const std::string& path) {
  const pipeline::Latents latents = pipeline::read_latents(path);
  return {{"kind", "latents"}, {"path", path}, {"shape", latents.values.sizes().vec()}, {"record", latents.record}};
}

Json inspect_film(const std::string& path) {
  const media::Reader reader(path);
  const media::FilmInfo& info = reader.info();
  const media::VideoInfo& video = info.video;
  Json found = {{"kind", "film"},
                {"path", path},
                {"container", info.container},
                {"duration", info.duration},
                {"streams", Json::array()}};
  for (const media::StreamInfo& stream : info.streams)
    found["streams"].push_back({{"kind", stream.kind}, {"codec", stream.codec}});
  found["video"] = {{"codec", video.codec},
                    {"size", fmt::format("{}x{}", video.width, video.height)},
                    {"fps", video.frame_rate.num == 0 ? Json() : Json(to_string(video.frame_rate))},
                    {"frames", video.frame_count == 0 ? Json() : Json(video.frame_count)},
                    {"pixel_format", video.pixel_format},
                    {"color_range", video.color_range},
                    {"color_space", video.color_space},
                    {"color_primaries", video.color_primaries},
                    {"color_transfer", video.color_transfer}};
  const FilmRecord record = read_film_record(path, info.metadata);
  const provenance::Credentials& credentials = record.credentials;
  found["credentials"] = {{"state", provenance::to_string(credentials.state)},
                          {"signer", credentials.signer.empty() ? Json() : Json(credentials.signer)}};
  if (record.record) found["record"] = *record.record;
  return found;
}

std::string plain(const Json& value) {
  if (value.is_null()) return "-";
  return printable(value.is_string() ? value.get<std::string>()
                                     : value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string rows_of(const Json& object, const std::string& indent) {
  std::string text;
  for (const auto& [key, value] : object.items()) {
    text += fmt::format("{}{:<{}} {}\n", indent, printable(key), kNameColumn, value.is_object() ? "" : plain(value));
    if (value.is_object()) text += rows_of(value, indent + "  ");
  }
  return text;
}

std::string component_line(const Json& component) {
  std::string line = fmt::format("  {:<{}} {}", plain(component["name"]), kNameColumn, plain(component["class"]));
  if (!component.contains("bytes")) return line + "\n";
  line +=
      fmt::format(", {} in {} tensors, {} {}:", format_bytes(component["bytes"]), component["tensors"].get<int64_t>(),
                  component["files"].get<int64_t>(), component["files"] == 1 ? "file" : "files");
  for (const auto& [dtype, bytes] : component["bytes_by_dtype"].items()) line += fmt::format(" {}", dtype);
  return line + "\n";
}

std::string describe_model(const Json& found) {
  std::string text = fmt::format("{}: model directory\n", plain(found["path"]));
  if (found.contains("family")) {
    text += fmt::format("  {:<{}} {} ({})\n", "family", kNameColumn, plain(found["family"]), plain(found["class"]));
    text += fmt::format("  {:<{}} {}\n", "profile", kNameColumn,
                        found["profile"].is_null() ? "none of the official ones" : plain(found["profile"]));
    text += "defaults:\n" + rows_of(found["defaults"], "  ") + "facts:\n" + rows_of(found["facts"], "  ");
  }
  text += "components:\n";
  for (const Json& component : found["components"]) text += component_line(component);
  for (const Json& problem : found["problems"]) text += fmt::format("problem: {}\n", plain(problem));
  return text;
}

std::string describe(const Json& found) {
  if (found["kind"] == "model") return describe_model(found);
  std::string text;
  if (found["kind"] == "latents") {
    text = fmt::format("{}: latents {}\n", plain(found["path"]), plain(found["shape"]));
  } else {
    text = fmt::format("{}: film, {}, {:.3f} s\n", plain(found["path"]), plain(found["container"]),
                       found["duration"].get<double>());
    for (const Json& stream : found["streams"])
      text += fmt::format("  {:<{}} {}, {}\n", "stream", kNameColumn, plain(stream["kind"]), plain(stream["codec"]));
    text += rows_of(found["video"], "  ") + "credentials:\n" + rows_of(found["credentials"], "  ");
  }
  return text + (found.contains("record") ? "record:\n" + rows_of(found["record"], "  ") : "no record of soragen\n");
}

}  // namespace

int inspect(const Invocation& invocation) {
  const std::string& path = invocation.operands.front();
  std::error_code error;
  if (!fs::exists(path, error))
    fail(ErrorKind::input, "'{}' does not exist; name a model directory, a film or a latent file", path);
  const Json found = fs::is_directory(path)                         ? inspect_model(path)
                     : fs::path(path).extension() == ".safetensors" ? inspect_latents(path)
                                                                    : inspect_film(path);
  if (invocation.json)
    print_json(found, 2);
  else
    print_text(describe(found));
  const bool has_problems = found.contains("problems") && !found["problems"].empty();
  return has_problems ? static_cast<int>(ErrorKind::input) : 0;
}

}  // namespace soragen::cli
