// soragen replay FILM: the film again, from the record that it carries, and whether the frames are the same.
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "cli/commands.h"
#include "cli/film.h"
#include "cli/film_record.h"
#include "cli/marking.h"
#include "cli/model_location.h"
#include "cli/progress.h"
#include "cli/results.h"
#include "core/fail.h"
#include "core/log.h"
#include "core/printable.h"
#include "media/reader.h"
#include "pipeline/fingerprint.h"
#include "pipeline/options.h"
#include "pipeline/profile.h"
#include "pipeline/record.h"

namespace soragen::cli {
namespace fs = std::filesystem;

namespace {

constexpr int kDiffers = 11;
// Another processor or precision gives some 55 dB, another seed 10 to 20; above 40 nobody sees a difference.
constexpr double kAgreeing = 40;

// A folder of our own that goes with everything in it.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (fs::temp_directory_path() / "soragen-replay-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      fail(ErrorKind::resource, "cannot create a folder in {}", fs::temp_directory_path().string());
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Json record_of(const fs::path& film) {
  const FilmRecord found = read_film_record(film, media::Reader(film).info().metadata);
  if (!found.record)
    fail(ErrorKind::input,
         "{} has no record of its making: it is not a film of soragen, or what carried it was removed", film.string());
  if (found.credentials.state < provenance::CredentialState::valid)
    log_warning("the record of {} is not signed, or not as it was signed: anybody may have written it", film.string());
  return *found.record;
}

// The settings with their texts, which the film may hold only as hashes.
Request request_of(const Json& record, const Request& given, const families::ModelSpec& spec) {
  Json settings = JsonObject(record, "the film's record").at("settings");
  if (JsonObject(record, "the film's record").has("texts")) {
    Request texts = given;
    if (!texts.negative_prompt)
      texts.negative_prompt = pipeline::resolve(pipeline::parse_request(settings, "the film's record"), spec)
                                  .request.negative_prompt.value_or("");
    settings = pipeline::with_texts(record, texts)["settings"];
  }
  Request request = pipeline::parse_request(settings, "the film's record: settings");
  // A film says what it is. It does not say where files go on this machine, nor which are read.
  request.output.reset(), request.save_latents.reset(), request.memory.reset(), request.vram.reset();
  for (const LoraChoice& lora : request.lora.value_or(std::vector<LoraChoice>()))
    if (fs::path(lora.file).filename() != fs::path(lora.file))
      fail(ErrorKind::input, "the film's record: LoRA '{}' is not a plain file name", lora.file);
  Request computing = given;
  computing.prompt.reset(), computing.negative_prompt.reset();
  return merge(request, computing);
}

// The watermark that the film was made with, so that its frames can be the same.
provenance::Marks marks_of(const Json& record, const Invocation& invocation, int frames) {
  provenance::Marks marks{.frames = frames};
  const JsonObject made(record, "the film's record");
  if (!made.has("marks")) return marks;
  const JsonObject described(made.at("marks"), "the film's record: marks");
  if (!described.has("watermark")) return marks;
  const std::string id = JsonObject(described.at("watermark"), "the film's record: watermark").string("id");
  provenance::Watermark watermark;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), watermark.id, 16);
  if (error != std::errc() || end != id.data() + id.size())
    fail(ErrorKind::input, "the film's record: watermark id '{}' is no hexadecimal number", id);
  if (!invocation.marks.watermark_key.empty())
    watermark.key = provenance::read_watermark_key(invocation.marks.watermark_key);
  marks.watermark = watermark;
  return marks;
}

void compare_models(const Json& record, const families::ModelSpec& spec) {
  const Json model = JsonObject(record, "the film's record").at("model");
  const std::string made_with = JsonObject(model, "the film's record: model").string_or("fingerprint", "");
  if (!made_with.empty() && made_with != pipeline::model_fingerprint(spec.directory))
    log_warning("the film was made with other model files than those in {}", spec.directory.string());
}

// An error, where other model files are a warning: a LoRA is looked for by its name alone, and many share a name.
void compare_loras(const Json& record, const pipeline::Plan& plan) {
  const std::vector<pipeline::PlannedLora> made_with = pipeline::recorded_loras(record, "the film's record");
  if (made_with.size() != plan.loras.size())
    fail(ErrorKind::input, "the film's record: loras: {} files, and {} in its settings", made_with.size(),
         plan.loras.size());
  for (size_t i = 0; i < made_with.size(); ++i)
    if (made_with[i].sha256 != plan.loras[i].sha256)
      fail(ErrorKind::input,
           "{} is not the LoRA file that the film was made with: its sha256 is {}, not {}; put that file in its place",
           plan.loras[i].choice.file, plan.loras[i].sha256, made_with[i].sha256);
}

struct Comparison {
  int64_t frames = 0, remade = 0, identical = 0;
  double worst_psnr = std::numeric_limits<double>::infinity();
  bool agrees() const { return frames == remade && worst_psnr >= kAgreeing; }
};

double psnr_of(const Frame& a, const Frame& b) {
  if (a.rgb.size() != b.rgb.size() || a.width != b.width) return 0;
  double sum = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) sum += std::pow(static_cast<double>(a.rgb[i]) - b.rgb[i], 2);
  return sum == 0 ? std::numeric_limits<double>::infinity()
                  : 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.rgb.size()) / sum);
}

Comparison compare(const fs::path& film, const fs::path& again) {
  media::Reader first(film), second(again);
  Comparison found;
  Frame a, b;
  while (true) {
    const bool has_a = first.next(a), has_b = second.next(b);
    found.frames += has_a, found.remade += has_b;
    if (!has_a && !has_b) return found;
    if (!has_a || !has_b) continue;
    const double psnr = psnr_of(a, b);
    found.identical += std::isinf(psnr);
    found.worst_psnr = std::min(found.worst_psnr, psnr);
  }
}

void report(const Comparison& found, const std::string& film, bool as_json) {
  if (as_json)
    return print_json({{"film", film},
                       {"agrees", found.agrees()},
                       {"frames", found.frames},
                       {"remade_frames", found.remade},
                       {"identical_frames", found.identical},
                       {"worst_psnr", std::isinf(found.worst_psnr) ? Json() : Json(found.worst_psnr)}});
  const std::string name = printable(film);
  if (found.frames != found.remade)
    return print_line(
        fmt::format("{}: the films differ: {} frames, and {} made again", name, found.frames, found.remade));
  if (found.identical == found.frames)
    return print_line(fmt::format("{}: the frames agree: all {} are identical", name, found.frames));
  print_line(fmt::format("{}: the frames {}: {} of {} identical, the worst at {:.1f} dB", name,
                         found.agrees() ? "agree up to rounding" : "differ", found.identical, found.frames,
                         found.worst_psnr));
}

}  // namespace

int replay(const Invocation& invocation) {
  const fs::path film = invocation.operands.front();
  if (film.extension() == ".png")
    fail(ErrorKind::unsupported, "cannot replay {}: it is one image of a film; only films in one file are compared",
         film.string());
  const Json record = record_of(film);
  const families::ModelSpec spec = pipeline::open_model(locate_model(invocation.model));
  compare_models(record, spec);
  const ScratchFolder folder;
  Request request = request_of(record, invocation.request, spec);
  request.output = (folder.path() / ("film" + film.extension().string())).string();
  FilmOrder order = order_film(request, spec, pipeline::detect_hardware());
  compare_loras(record, order.plan);
  order.marks = marks_of(record, invocation, static_cast<int>(order.plan.frames));
  add_label(order.plan.request.label, order.output, order.marks);
  publishing::validate_output(order.output, order.marks);

  pipeline::Generator generator(spec, false);
  ProgressReporter progress(choose_progress_mode(invocation.progress, invocation.quiet), 1);
  make_film(generator, order, progress.callback());
  progress.end_film();
  const Comparison found = compare(film, *request.output);
  report(found, film.string(), invocation.json);
  return found.agrees() ? 0 : kDiffers;
}

}  // namespace soragen::cli
