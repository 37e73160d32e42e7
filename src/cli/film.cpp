#include "cli/film.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <random>

#include "cli/marking.h"
#include "cli/results.h"
#include "core/fail.h"
#include "core/log.h"
#include "core/printable.h"
#include "pipeline/failure.h"
#include "pipeline/options.h"
#include "pipeline/record.h"
#include "weights/safetensors.h"

namespace soragen::cli {
namespace fs = std::filesystem;

namespace {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// Fit for pasting into a shell.
std::string shell_quoted(const std::string& word) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./%+=:,@";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string how_to_continue(const fs::path& latents, const std::string& output) {
  return fmt::format("the latents are kept: soragen decode {} -o {}", shell_quoted(latents.string()),
                     shell_quoted(output));
}

// In a folder of our own in the temporary folder: a name that can be guessed there could be somebody else's link.
fs::path store_temporarily(const pipeline::Latents& latents) {
  std::string folder = (fs::temp_directory_path() / "soragen-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr)
    fail(ErrorKind::resource, "cannot create a folder in {}", fs::temp_directory_path().string());
  const fs::path place = fs::path(folder) / "latents.safetensors";
  try {
    pipeline::save_latents(place, latents);
  } catch (...) {
    std::error_code ignored;
    fs::remove(folder, ignored);
    throw;
  }
  return place;
}

// An hour of denoising is not lost to a full disk: when the place in the order fails, the latents go to the temporary
// folder, and the error says so.
fs::path store(const pipeline::Latents& latents, const FilmOrder& order) {
  if (order.latents.empty()) return store_temporarily(latents);
  try {
    pipeline::save_latents(order.latents, latents);
    return order.latents;
  } catch (const Error& error) {
    fail(error.kind(), "{}; {}", error.what(), how_to_continue(store_temporarily(latents), order.output.path));
  }
}

void remove_latents(const FilmOrder& order, const fs::path& latents) {
  std::error_code ignored;
  fs::remove(latents, ignored);
  if (order.latents.empty()) fs::remove(latents.parent_path(), ignored);
}

// What a record holds of file names may be no UTF-8.
std::string as_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// The record with what is known here besides: which files the model is, and the marks.
Json film_record(const FilmOrder& order, const families::ModelSpec& spec, const Json& timings) {
  Json record = pipeline::make_record(order.plan, spec, timings);
  if (!order.marks.model_identifier.empty()) record["model"]["fingerprint"] = order.marks.model_identifier;
  record["marks"] = describe_marks(order.marks, order.output);
  return record;
}

Json published_record(const FilmOrder& order, const families::ModelSpec& spec, const Json& timings) {
  const Json record = film_record(order, spec, timings);
  return order.includes_texts ? record : pipeline::without_texts(record);
}

// The frames of a latent into the film, whose credentials hold what is known by then.
void decode_into(pipeline::Generator& generator, const FilmOrder& order, const at::Tensor& latents, const Json& timings,
                 const ProgressFn& progress) {
  provenance::Marks marks = order.marks;
  marks.record = published_record(order, generator.spec(), timings);
  const std::unique_ptr<FrameSink> sink = publishing::open_output(order.output, marks);
  generator.decode(order.plan, latents, *sink, progress);
}

Json sum_of(Json timings, const Json& more) {
  for (const auto& [stage, seconds] : more.items()) timings[stage] = timings.value(stage, 0.0) + seconds.get<double>();
  return timings;
}

Json result_of(const FilmOrder& order, const families::ModelSpec& spec, const Json& timings, double seconds) {
  const pipeline::Plan& plan = order.plan;
  return {{"output", order.output.path},
          {"seed", plan.seed},
          {"size", fmt::format("{}x{}", plan.size.width, plan.size.height)},
          {"frames", plan.frames},
          {"fps", to_string(plan.fps)},
          {"seconds", std::round(seconds * 1000) / 1000},
          {"timings", timings},
          {"record", film_record(order, spec, timings)}};
}

FilmOrder order_for(const Request& request, const families::ModelSpec& spec, const pipeline::Hardware& hardware) {
  if (!request.output)
    fail(ErrorKind::usage,
         "no output: name a file with -o FILE (.mp4, .mkv, .webm, .gif, dir/%04d.png, ...; - is y4m on stdout)");
  FilmOrder order{.plan = pipeline::make_plan(request, spec, hardware)};
  const pipeline::Plan& plan = order.plan;
  for (const std::string& warning : plan.warnings) log_warning("{}", warning);
  order.output = {.path = *request.output,
                  .codec = plan.request.codec.value_or(""),
                  .width = static_cast<int>(plan.size.width),
                  .height = static_cast<int>(plan.size.height),
                  .fps = plan.fps,
                  .crf = plan.request.crf ? std::optional(static_cast<int>(*plan.request.crf)) : std::nullopt};
  media::choose_format(order.output);
  return order;
}

}  // namespace

fs::path latents_beside(const std::string& output) {
  if (output == "-") return "";
  const fs::path path(output);
  // The folder of numbered images may not exist yet; then the file stands beside that folder.
  const fs::path base = path.has_parent_path() && !fs::exists(path.parent_path()) ? path.parent_path() : path;
  return base.string() + ".latents.safetensors";
}

FilmOrder order_film(Request request, const families::ModelSpec& spec, const pipeline::Hardware& hardware) {
  if (!request.prompt) fail(ErrorKind::usage, "no prompt: say what to show with --prompt TEXT");
  if (!request.seed) request.seed = std::random_device()();
  FilmOrder order = order_for(request, spec, hardware);
  order.keeps_latents = request.save_latents.has_value();
  order.latents = order.keeps_latents ? fs::path(*request.save_latents) : latents_beside(*request.output);
  return order;
}

void prepare_output(FilmOrder& order, Marking& marking) {
  order.marks = marking.marks_for(order);
  order.includes_texts = marking.includes_texts();
  // Without timings, so that the same film is the same file.
  order.output.metadata = {{kRecordKey, as_text(published_record(order, marking.spec(), Json::object()))}};
  add_label(order.plan.request.label, order.output, order.marks);
  publishing::validate_output(order.output, order.marks);
  if (!order.keeps_latents) return;
  const fs::path folder = order.latents.has_parent_path() ? order.latents.parent_path() : fs::path(".");
  if (!fs::is_directory(folder) || ::access(folder.c_str(), W_OK) != 0)
    fail(ErrorKind::input, "cannot write {}: {} is no folder that can be written", order.latents.string(),
         folder.string());
}

FilmOrder order_decode(const pipeline::Latents& latents, const std::string& where, const Request& flags,
                       const families::ModelSpec& spec, const pipeline::Hardware& hardware) {
  const JsonObject record(latents.record, where + ": record");
  Request made = pipeline::parse_request(record.at("settings"), where + ": record: settings");
  // What the film is comes from the file; where it goes and how this machine computes it does not.
  for (auto* text : {&made.output, &made.save_latents, &made.device, &made.dtype, &made.attention}) text->reset();
  for (auto* number : {&made.threads, &made.memory, &made.vram}) number->reset();
  made.lora.reset();  // merged into a model that decoding does not load, but the record goes on to name them
  FilmOrder order = order_for(merge(made, flags), spec, hardware);
  const std::vector<int64_t> found = latents.values.sizes().vec(), expected = order.plan.latent_shape;
  if (found != expected)
    fail(ErrorKind::input,
         "{} holds latents of shape {}, but this model makes {} of the {}x{} film with {} frames in its record; it "
         "needs the model that made them",
         where, weights::to_string(found), weights::to_string(expected), order.plan.size.width, order.plan.size.height,
         order.plan.frames);
  order.plan.loras = pipeline::recorded_loras(latents.record, where + ": record");
  order.inputs.push_back({where, "application/octet-stream", "inputTo"});
  return order;
}

Json make_film(pipeline::Generator& generator, const FilmOrder& order, const ProgressFn& progress) {
  const Stopwatch stopwatch;
  generator.take_timings();
  const at::Tensor values = generator.denoise(order.plan, progress);
  const Json timings = generator.take_timings();
  const fs::path latents = store({values, pipeline::make_record(order.plan, generator.spec(), Json::object())}, order);
  try {
    decode_into(generator, order, values, timings, progress);
  } catch (...) {
    const pipeline::Failure failure = pipeline::describe_failure(std::current_exception());
    pipeline::log_details(failure);
    fail(failure.kind, "{}; {}", failure.message, how_to_continue(latents, order.output.path));
  }
  if (!order.keeps_latents) remove_latents(order, latents);
  return result_of(order, generator.spec(), sum_of(timings, generator.take_timings()), stopwatch.seconds());
}

Json decode_film(pipeline::Generator& generator, const FilmOrder& order, const pipeline::Latents& latents,
                 const ProgressFn& progress) {
  const Stopwatch stopwatch;
  generator.take_timings();
  decode_into(generator, order, latents.values, Json::object(), progress);
  return result_of(order, generator.spec(), generator.take_timings(), stopwatch.seconds());
}

void report_result(const Json& result, bool as_json) {
  const std::string output = result["output"].get<std::string>();
  const std::string line = as_json ? as_text(result)
                                   : fmt::format("{}: {}, {} frames at {} fps, seed {}, {:.1f} s", printable(output),
                                                 result["size"].get<std::string>(), result["frames"].get<int64_t>(),
                                                 result["fps"].get<std::string>(), result["seed"].get<uint64_t>(),
                                                 result["seconds"].get<double>());
  if (output != "-") return print_line(line);
  if (as_json)
    std::fprintf(stderr, "%s\n", line.c_str());
  else
    log_info("{}", line);
}

bool fits_loaded(const pipeline::Plan& plan) {
  struct Place {
    int64_t weights = 0, working = 0;
  } processor, card;
  for (const pipeline::StagePlan& stage : plan.stages) {
    Place& place = stage.place == "cuda" ? card : processor;
    place.weights += stage.cost.weights;
    place.working = std::max(place.working, stage.cost.activations + stage.workspace);
  }
  return processor.weights + processor.working <= plan.memory_limit && card.weights + card.working <= plan.card_limit;
}

std::string numbered_name(const std::string& path, uint64_t seed) {
  const fs::path name(path);
  return (name.parent_path() / fmt::format("{}-{}{}", name.stem().string(), seed, name.extension().string())).string();
}

}  // namespace soragen::cli
