// soragen mark FILM -o FILE: the marks of a film of soragen for one that was made elsewhere.
//
// What becomes of it: frames upright, at a constant rate, as RGB through the one door of publishing; the sound's
// packets as they are; the container's metadata. Whatever is lost on that way is refused or said on stderr.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>

#include "cli/commands.h"
#include "cli/film.h"
#include "cli/marking.h"
#include "cli/progress.h"
#include "cli/results.h"
#include "core/cancellation.h"
#include "core/fail.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/printable.h"
#include "core/version.h"
#include "media/pacer.h"
#include "media/reader.h"
#include "provenance/verify.h"
#include "publishing/output.h"

namespace soragen::cli {
namespace fs = std::filesystem;

namespace {

void check_output(const fs::path& film, const std::optional<std::string>& output) {
  if (!output)
    fail(ErrorKind::usage, "no output: name a file with -o FILE (.mp4, .mov, .mkv, .webm, ...; - is y4m on stdout)");
  std::error_code ignored;  // of a file that is not there yet
  if (fs::equivalent(film, *output, ignored))
    fail(ErrorKind::usage,
         "{} and the output {} are the same file; name another, the film is read while that is written", film.string(),
         *output);
}

// A watermark of soragen tells people that a film was generated.
void check_source_type(const Invocation& invocation) {
  static const std::set<std::string> generated = {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia",
                                                  "compositeSynthetic"};
  if (!generated.contains(invocation.source_type) && !invocation.marks.no_watermark)
    fail(ErrorKind::usage,
         "--source-type {} says that no AI made the film, and the watermark says that one did; add --no-watermark for "
         "credentials alone",
         invocation.source_type);
}

void check_pictures(const fs::path& film, const media::VideoInfo& video) {
  if (video.color_transfer == "smpte2084" || video.color_transfer == "arib-std-b67")
    fail(ErrorKind::unsupported,
         "{} is HDR ({}), and films are written in 8 bits of BT.709; make it SDR first, e.g. with ffmpeg's filters "
         "zscale and tonemap",
         film.string(), video.color_transfer);
  if (!video.orientation)
    fail(ErrorKind::unsupported,
         "{} is to be shown turned by an angle that is no quarter turn; turn its frames first, e.g. with ffmpeg",
         film.string());
}

// A film of a constant rate keeps it. Of another the average is known: the next rate that films have.
Rational rate_of(const fs::path& film, const media::VideoInfo& video) {
  constexpr double kHighest = 60;  // above, a base rate is that of a camera or the unit of the film's clock
  const Rational &base = video.base_rate, &average = video.frame_rate;
  if (base.num == 0) fail(ErrorKind::input, "{} does not say its frame rate; give it with --fps RATE", film.string());
  if (video.is_interlaced) return average;  // the base rate is that of fields
  if (base.value() <= kHighest || base.value() < 1.1 * average.value()) return base;
  const Rational usual[] = {{24000, 1001}, {24, 1}, {25, 1}, {30000, 1001}, {30, 1}, {50, 1}, {60000, 1001}};
  for (const Rational& rate : usual)
    if (rate.value() > 0.998 * average.value()) return rate;  // a few frames more or less make no other rate
  return {60, 1};
}

// What every container writes anew, and what is not of the film but of one of its streams.
std::map<std::string, std::string> metadata_to_keep(const std::map<std::string, std::string>& found) {
  static const std::set<std::string> own = {"major_brand",  "minor_version", "compatible_brands", "encoder",
                                            "handler_name", "vendor_id",     "language",          "duration",
                                            "rotate",       kRecordKey};
  std::map<std::string, std::string> kept;
  for (const auto& [key, value] : found) {
    std::string lower = key;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    if (!own.contains(lower)) kept[key] = value;
  }
  return kept;
}

bool has_sound(const media::FilmInfo& info) {
  return std::any_of(info.streams.begin(), info.streams.end(),
                     [](const auto& stream) { return stream.kind == "audio"; });
}

void say_what_is_lost(const fs::path& film, const media::FilmInfo& info, bool no_audio) {
  bool is_first_video = true;
  for (const media::StreamInfo& stream : info.streams) {
    const bool is_kept = (stream.kind == "audio" && !no_audio) || (stream.kind == "video" && is_first_video);
    is_first_video = is_first_video && stream.kind != "video";
    if (!is_kept) log_warning("{}: its {} stream ({}) is left out", film.string(), stream.kind, stream.codec);
  }
  if (info.video.is_interlaced)
    log_warning("{} is interlaced; its fields stay woven into frames, deinterlace it first for better ones",
                film.string());
}

publishing::OutputSettings settings_for(const Invocation& invocation, const fs::path& film,
                                        const media::FilmInfo& info) {
  const media::VideoInfo& video = info.video;
  const Request& request = invocation.request;
  publishing::OutputSettings output{.path = *request.output,
                                    .codec = request.codec.value_or(""),
                                    .width = video.width,
                                    .height = video.height,
                                    .fps = request.fps.value_or(Rational{}),
                                    .crf = request.crf ? std::optional(static_cast<int>(*request.crf)) : std::nullopt,
                                    .metadata = metadata_to_keep(info.metadata),
                                    .pixel_aspect = video.pixel_aspect};
  if (!request.fps) output.fps = rate_of(film, video);
  if (video.orientation->swaps_sides()) {
    std::swap(output.width, output.height);
    std::swap(output.pixel_aspect.num, output.pixel_aspect.den);
  }
  if (has_sound(info) && !invocation.no_audio) output.audio_from = film.string();
  media::choose_format(output);
  return output;
}

// By which the C2PA library knows where a file keeps its credentials.
std::string media_type_of(const media::FilmInfo& info, provenance::CredentialState state) {
  const std::pair<const char*, const char*> types[] = {{"mov,", "video/mp4"},
                                                       {"gif", "image/gif"},
                                                       {"png_pipe", "image/png"},
                                                       {"jpeg_pipe", "image/jpeg"},
                                                       {"avi", "video/avi"}};
  if (state != provenance::CredentialState::damaged)  // of those it would take nothing, and not the file either
    for (const auto& [container, type] : types)
      if (info.container.starts_with(container)) return type;
  return "application/octet-stream";
}

provenance::Ingredient parent_of(const fs::path& film, const media::FilmInfo& info,
                                 const provenance::Credentials& credentials) {
  using provenance::CredentialState;
  provenance::Ingredient parent{film, media_type_of(info, credentials.state), "parentOf"};
  if (credentials.is_beside && credentials.state >= CredentialState::invalid)
    parent.manifest = provenance::manifest_beside(film).value();
  if (credentials.state == CredentialState::damaged)
    log_warning("the credentials of {} are damaged and cannot be kept", film.string());
  if (credentials.state == CredentialState::invalid)
    log_warning("the credentials of {} are not valid; they are kept, and so is that they are not", film.string());
  return parent;
}

provenance::Marks marks_for(const Invocation& invocation, const MarkTools& tools, const fs::path& film,
                            const media::FilmInfo& info, const publishing::OutputSettings& output) {
  // A full search takes ten times as long; a watermark that only it would find gets a second one laid over it.
  const auto found = provenance::verify(
      film, {.use_register = false, .key = tools.key, .effort = provenance::watermark::Effort::fixed});
  const double frames = std::min(std::ceil(info.duration * output.fps.value()), 1e9);
  provenance::Marks marks{.signer = tools.signer,
                          .frames = static_cast<int>(frames),
                          .source_type = invocation.source_type,
                          .ingredients = {parent_of(film, info, found.credentials)}};
  if (found.watermark.mark) {
    marks.parents_watermark = found.watermark.mark;
    log_info("{} carries the watermark {} already; it stays, and no second one is laid over it", film.string(),
             found.watermark.mark->value);
  } else if (!invocation.marks.no_watermark) {
    marks.watermark =
        provenance::Watermark{provenance::draw_film_id(output.width, output.height, marks.frames), tools.key};
  }
  if (tools.signer && output.path == "-")
    log_warning("standard output cannot hold signed credentials; its frames carry the watermark alone");
  return marks;
}

Json record_of(const fs::path& film, const Invocation& invocation, const publishing::OutputSettings& output,
               const provenance::Marks& marks) {
  const media::FilmFormat format = media::choose_format(output);
  const Request& request = invocation.request;
  return {{"generator", {{"name", "soragen"}, {"version", version()}}},
          {"command", "mark"},
          {"input", {{"name", film.filename().string()}, {"sha256", sha256_file(film)}}},
          {"source_type", invocation.source_type},
          {"settings",
           {{"codec", format.codec->name},
            {"crf", format.crf ? Json(*format.crf) : Json()},
            {"fps", to_string(format.fps)},
            {"label", request.label ? Json(*request.label) : Json()}}},
          {"marks", describe_marks(marks, output)}};
}

struct Written {
  int64_t frames = 0, repeated = 0, dropped = 0;
};

Written write_frames(media::Reader& reader, const publishing::OutputSettings& output, const provenance::Marks& marks,
                     const ProgressFn& progress) {
  const media::Orientation orientation = *reader.info().video.orientation;
  const std::unique_ptr<FrameSink> sink = publishing::open_output(output, marks);
  media::Pacer pacer(*sink, output.fps);
  Frame stored, upright;
  for (int done = 0; reader.next(stored); progress({Stage::mark, ++done, marks.frames})) {
    check_cancelled();
    if (!orientation.is_upright()) turn_upright(stored, orientation, upright);
    pacer.push(orientation.is_upright() ? stored : upright, reader.time());
  }
  pacer.finish(reader.end());
  sink->finish();
  return {pacer.written(), pacer.repeated(), pacer.dropped()};
}

void report(const Json& result, bool as_json) {
  const auto text = [&](const char* key) { return result[key].is_null() ? "none" : result[key].get<std::string>(); };
  const std::string line = as_json
                               ? result.dump(-1, ' ', false, Json::error_handler_t::replace)
                               : fmt::format("{}: {}, {} frames at {} fps, watermark {}, {:.1f} s",
                                             printable(text("output")), text("size"), result["frames"].get<int64_t>(),
                                             text("fps"), text("watermark"), result["seconds"].get<double>());
  if (result["output"] == "-") return log_info("{}", line);
  print_line(line);
}

}  // namespace

int mark(const Invocation& invocation) {
  const auto begin = std::chrono::steady_clock::now();
  const fs::path film = invocation.operands.front();
  check_output(film, invocation.request.output);
  check_source_type(invocation);
  media::Reader reader(film);
  const media::FilmInfo& info = reader.info();
  check_pictures(film, info.video);
  publishing::OutputSettings output = settings_for(invocation, film, info);
  publishing::validate_output(output, {});
  const MarkTools tools = open_mark_tools(invocation.marks);
  say_what_is_lost(film, info, invocation.no_audio);
  provenance::Marks marks = marks_for(invocation, tools, film, info, output);
  add_label(invocation.request.label, output, marks);
  marks.record = record_of(film, invocation, output, marks);
  output.metadata[kRecordKey] = marks.record.dump(-1, ' ', false, Json::error_handler_t::replace);
  publishing::validate_output(output, marks);

  ProgressReporter progress(choose_progress_mode(invocation.progress, invocation.quiet), 1);
  const Written written = write_frames(reader, output, marks, progress.callback());
  progress.end_film();
  if (written.dropped > 0)
    log_warning("at a constant {} frames a second {} frames were left out; --fps RATE chooses another rate",
                to_string(output.fps), written.dropped);
  const auto watermark = watermark_of(marks, output);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  report({{"output", output.path},
          {"size", fmt::format("{}x{}", output.width, output.height)},
          {"frames", written.frames},
          {"repeated_frames", written.repeated},
          {"dropped_frames", written.dropped},
          {"fps", to_string(output.fps)},
          {"has_sound", !output.audio_from.empty()},
          {"watermark", watermark ? Json(watermark->value) : Json()},
          {"seconds", std::round(seconds.count() * 1000) / 1000},
          {"record", marks.record}},
         invocation.json);
  return 0;
}

}  // namespace soragen::cli
