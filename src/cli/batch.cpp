// soragen batch FILE -o DIR: a film a line, one load of the model.
#include <algorithm>
#include <cstdlib>
#include <map>

#include "cli/commands.h"
#include "cli/film.h"
#include "cli/jobs.h"
#include "cli/marking.h"
#include "cli/model_location.h"
#include "cli/progress.h"
#include "cli/results.h"
#include "core/cancellation.h"
#include "core/fail.h"
#include "core/log.h"
#include "media/image_writer.h"
#include "pipeline/failure.h"
#include "pipeline/options.h"
#include "pipeline/record.h"

namespace soragen::cli {
namespace fs = std::filesystem;

namespace {

constexpr int kFinishedWithFailures = 6;
// Films that are planned, and whose texts are encoded, in one go: enough to share a pass over a streamed text encoder,
// few enough that their embeddings stay small (about 1 MiB each).
constexpr size_t kGroup = 256;

struct BatchFilm {
  const Job* job = nullptr;
  int number = 0;  // of those of this process, from 1
  fs::path output;
  FilmOrder order;
  bool has_latents = false;  // kept by an earlier run of the same film
};

bool is_image_sequence(const fs::path& output) { return output.extension() == ".png"; }

bool is_finished(const fs::path& output) {
  if (!is_image_sequence(output)) return fs::exists(output);  // a film has its name only when it is whole
  const media::NumberedName name = media::parse_numbered_name(output.filename().string());
  return fs::exists(output.parent_path() / name.at(1)) && !fs::exists(output.string() + ".part");
}

class Batch {
 public:
  explicit Batch(const Invocation& invocation)
      : invocation_(invocation),
        folder_(folder_of(invocation)),
        jobs_(read_jobs(invocation.operands.front())),
        shard_(choose_shard(invocation.shard, [](const char* name) { return std::getenv(name); })),
        spec_(pipeline::open_model(locate_model(invocation.model))),
        hardware_(pipeline::detect_hardware()) {
    if (!invocation.dry_run) {
      create_folder(folder_);
      marking_.emplace(invocation.marks, spec_);
    }
    find_repeated_outputs();
  }

  int run() {
    std::vector<const Job*> mine;
    for (size_t i = 0; i < jobs_.size(); ++i) {
      if (!shard_.has(i)) continue;
      if (jobs_[i].error.empty())
        mine.push_back(&jobs_[i]);
      else
        report_failure(jobs_[i], "", {ErrorKind::input, jobs_[i].error, ""});
    }
    if (shard_.count > 1)
      log_info("shard {}/{}: {} of {} films", shard_.index, shard_.count, mine.size(), jobs_.size());

    ProgressReporter progress(choose_progress_mode(invocation_.progress, invocation_.quiet),
                              static_cast<int>(mine.size()));
    for (size_t begin = 0; begin < mine.size(); begin += kGroup) run_group(plan_group(mine, begin), progress);
    log_info("{} done, {} skipped, {} failed", done_, skipped_, failed_);
    return failed_ > 0 ? kFinishedWithFailures : 0;
  }

 private:
  static fs::path folder_of(const Invocation& invocation) {
    if (invocation.request.output.value_or("").empty()) fail(ErrorKind::usage, "no output: name a folder with -o DIR");
    return *invocation.request.output;
  }

  static void create_folder(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) fail(ErrorKind::input, "cannot create the folder {}: {}", folder.string(), error.message());
  }

  // Two lines that would write one file: the first has it. Decided over the whole file, so that every shard decides
  // alike.
  void find_repeated_outputs() {
    std::map<fs::path, int64_t> owner;
    for (Job& job : jobs_) {
      if (!job.error.empty()) continue;
      try {
        const auto [found, is_new] = owner.emplace(output_of(job, folder_, invocation_.extension), job.line);
        if (!is_new)
          job.error = fmt::format("output '{}' is already that of line {}", found->first.string(), found->second);
      } catch (const Error& error) {
        job.error = error.what();
      }
    }
  }

  std::vector<BatchFilm> plan_group(const std::vector<const Job*>& mine, size_t begin) {
    std::vector<BatchFilm> films;
    for (size_t i = begin; i < std::min(begin + kGroup, mine.size()); ++i) {
      const Job* job = mine[i];
      const fs::path output = output_of(*job, folder_, invocation_.extension);
      try {
        if (invocation_.resume && is_finished(output)) {
          ++skipped_;
          print_json({{"line", job->line}, {"output", output.string()}, {"status", "skipped"}});
          continue;
        }
        films.push_back(plan_film(*job, output));
        films.back().number = static_cast<int>(i) + 1;
      } catch (...) {
        report_failure(*job, output, pipeline::describe_failure(std::current_exception()));
      }
    }
    return films;
  }

  BatchFilm plan_film(const Job& job, const fs::path& output) {
    Request request = merge(invocation_.request, job.request);
    request.output = output.string();
    if (job.request.save_latents)
      request.save_latents = inside(folder_, *job.request.save_latents, "save-latents").string();
    BatchFilm film{.job = &job, .output = output};
    const std::optional<Json> made = invocation_.resume ? record_of_kept_latents(request) : std::nullopt;
    film.order = order_film(request, spec_, hardware_);
    film.has_latents = made && is_same_film(*made, pipeline::make_record(film.order.plan, spec_, Json::object()));
    if (invocation_.dry_run) return film;
    // The folder of numbered images is made, and on failure removed, with them.
    create_folder(is_image_sequence(output) ? output.parent_path().parent_path() : output.parent_path());
    prepare_output(film.order, *marking_);
    return film;
  }

  static bool is_same_film(Json made, Json wanted) {
    for (Json* record : {&made, &wanted}) (*record)["settings"].erase("threads");
    return made["settings"] == wanted["settings"] && made["model"] == wanted["model"];
  }

  // What an interrupted run left beside the output. A request without a seed takes the one it had.
  static std::optional<Json> record_of_kept_latents(Request& request) {
    const fs::path path =
        request.save_latents ? fs::path(*request.save_latents) : latents_beside(request.output.value());
    if (!fs::exists(path)) return std::nullopt;
    try {
      const Json record = pipeline::read_latents(path).record;
      const JsonObject settings(JsonObject(record, path.string()).at("settings"), path.string());
      const int64_t seed = settings.integer("seed", 0, INT64_MAX);
      if (!request.seed) request.seed = static_cast<uint64_t>(seed);
      return record;
    } catch (const Error& error) {
      log_warning("not continuing from kept latents: {}", error.what());
      return std::nullopt;
    }
  }

  void run_group(const std::vector<BatchFilm>& films, ProgressReporter& progress) {
    if (invocation_.dry_run) {
      for (const BatchFilm& film : films)
        print_json({{"line", film.job->line}, {"output", film.output.string()}, {"status", "planned"}});
      return;
    }
    if (films.empty()) return;
    encode_ahead(films, progress);
    for (const BatchFilm& film : films) {
      check_cancelled();
      progress.begin_film(film.number);
      generator_.keep_loaded(fits_loaded(film.order.plan));
      make(film, progress);
    }
  }

  void encode_ahead(const std::vector<BatchFilm>& films, ProgressReporter& progress) {
    std::vector<pipeline::Plan> plans;
    for (const BatchFilm& film : films)
      if (film.order.plan.stream_text_encoder && !film.has_latents) plans.push_back(film.order.plan);
    if (plans.size() > 1) generator_.encode_ahead(plans, progress.callback());
  }

  void make(const BatchFilm& film, ProgressReporter& progress) {
    try {
      const Json result =
          film.has_latents ? finish(film, progress) : make_film(generator_, film.order, progress.callback());
      progress.end_film();
      ++done_;
      print_json({{"line", film.job->line},
                  {"output", film.output.string()},
                  {"status", "done"},
                  {"seed", result["seed"]},
                  {"seconds", result["seconds"]}});
    } catch (...) {
      progress.end_film();
      const pipeline::Failure failure = pipeline::describe_failure(std::current_exception());
      report_failure(*film.job, film.output, failure);
      if (failure.kind == ErrorKind::interrupted)
        fail(ErrorKind::interrupted,
             "interrupted: {} done, {} skipped, {} failed; the same command with --resume continues", done_, skipped_,
             failed_);
    }
  }

  Json finish(const BatchFilm& film, ProgressReporter& progress) {
    const fs::path& path = film.order.latents;
    const Json result = decode_film(generator_, film.order, pipeline::read_latents(path), progress.callback());
    std::error_code ignored;
    if (!film.order.keeps_latents) fs::remove(path, ignored);
    return result;
  }

  void report_failure(const Job& job, const fs::path& output, const pipeline::Failure& failure) {
    const bool is_interrupted = failure.kind == ErrorKind::interrupted;
    if (!is_interrupted) ++failed_;
    pipeline::log_details(failure);
    if (!is_interrupted) log_error("line {}: {}", job.line, failure.message);
    Json line = {{"line", job.line}, {"status", is_interrupted ? "interrupted" : "failed"}, {"error", failure.message}};
    if (!output.empty()) line["output"] = output.string();
    print_json(line);
  }

  const Invocation& invocation_;
  fs::path folder_;
  std::vector<Job> jobs_;
  Shard shard_;
  families::ModelSpec spec_;
  pipeline::Hardware hardware_;
  std::optional<Marking> marking_;  // unless it is a dry run
  pipeline::Generator generator_{spec_, /*keep_loaded=*/true};
  int64_t done_ = 0, skipped_ = 0, failed_ = 0;
};

}  // namespace

int batch(const Invocation& invocation) { return Batch(invocation).run(); }

}  // namespace soragen::cli
