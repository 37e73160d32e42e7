// Marks and reads films as streams of PPM pictures, which carry their size, so that ffmpeg can make the attacks.
//
//   soragen_watermark_bench embed  [--id N] [--psnr DB] [--frames N] < frames.ppm > marked.ppm
//   soragen_watermark_bench detect [--expect N] [--effort fixed|full] [--every N] < frames.ppm
//
// One JSON line: from embed on stderr, from detect on stdout. --frames is what the embedder is told of the film's
// length. With --expect, the raw bits are held against those that were sent.
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>

#include "core/json.h"
#include "provenance/watermark/detector.h"
#include "provenance/watermark/embedder.h"

namespace soragen::provenance::watermark {
namespace {

// Of processor time: other programs on the machine do not count.
double milliseconds_now() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

bool read_frame(Frame& frame) {
  int width = 0, height = 0, levels = 0;
  if (std::scanf("P6 %d %d %d", &width, &height, &levels) != 3) return false;
  std::getchar();  // the one byte between header and pixels
  if (levels != 255 || width < 1 || height < 1 || width > 16384 || height > 16384)
    throw std::runtime_error(fmt::format("PPM of {}x{} with {} levels", width, height, levels));
  frame.width = width;
  frame.height = height;
  frame.rgb.resize(size_t(3) * width * height);
  return std::fread(frame.rgb.data(), 1, frame.rgb.size(), stdin) == frame.rgb.size();
}

void write_frame(const Frame& frame) {
  std::printf("P6\n%d %d\n255\n", frame.width, frame.height);
  std::fwrite(frame.rgb.data(), 1, frame.rgb.size(), stdout);
}

using Options = std::map<std::string, std::string>;

const char* form_name(Form form) { return form == Form::standard ? "standard" : "small"; }

void embed(const Options& options) {
  Settings settings;
  if (options.contains("--id")) settings.id = static_cast<uint32_t>(std::stoul(options.at("--id")));
  if (options.contains("--psnr")) settings.psnr = std::stod(options.at("--psnr"));
  const int told = options.contains("--frames") ? std::stoi(options.at("--frames")) : 0;
  std::optional<Embedder> embedder;
  Frame frame;
  double setup = 0, milliseconds = 0;
  int frames = 0;
  for (; read_frame(frame); ++frames) {
    const double start = milliseconds_now();
    if (!embedder) {
      embedder.emplace(settings, frame.width, frame.height, told);
      setup = milliseconds_now() - start;
    }
    const double marking = milliseconds_now();
    embedder->mark(frame);
    milliseconds += milliseconds_now() - marking;
    write_frame(frame);
  }
  if (!embedder) throw std::runtime_error("no frames on stdin");
  const Json line = {{"id", embedder->id()},
                     {"form", form_name(embedder->form())},
                     {"frames", frames},
                     {"setup_ms", setup},
                     {"ms_per_frame", milliseconds / frames}};
  fmt::print(stderr, "{}\n", line.dump());
}

struct BitQuality {
  double accuracy = 0.5;  // share of raw bits with the sign they were sent with
  double snr = 0;         // mean over deviation of the soft bits, signed as sent
};

BitQuality measure_bits(const Detection& detection, uint32_t expected) {
  if (detection.soft_bits.empty()) return {};
  const uint32_t id = detection.form == Form::standard ? expected : expected & 0xFFFF;
  const std::vector<uint8_t> sent = encode_message(detection.form, id);
  double right = 0, sum = 0, squares = 0;
  for (size_t i = 0; i < sent.size(); ++i) {
    const double value = sent[i] ? detection.soft_bits[i] : -detection.soft_bits[i];
    right += value > 0;
    sum += value;
    squares += value * value;
  }
  const auto count = static_cast<double>(sent.size());
  const double mean = sum / count;
  return {right / count, mean / std::sqrt(squares / count - mean * mean)};
}

void detect(const Options& options) {
  const bool fixed = options.contains("--effort") && options.at("--effort") == "fixed";
  const int every = options.contains("--every") ? std::stoi(options.at("--every")) : 1;
  Detector detector;
  Frame frame;
  double milliseconds = 0;
  for (int i = 0; read_frame(frame); ++i) {
    if (i % every != 0) continue;
    const double start = milliseconds_now();
    detector.add(frame);
    milliseconds += milliseconds_now() - start;
  }
  const double start = milliseconds_now();
  const Detection detection = detector.detect(fixed ? Effort::fixed : Effort::full);
  Json line = {{"found", detection.found},
               {"id", detection.id},
               {"form", form_name(detection.form)},
               {"score", detection.score},
               {"bits_corrected", detection.bits_corrected},
               {"tile_width", detection.tile_width},
               {"tile_height", detection.tile_height},
               {"rotation", detection.rotation},
               {"mirrored", detection.mirrored},
               {"frames", detector.frames()},
               {"add_ms", milliseconds},
               {"detect_ms", milliseconds_now() - start}};
  if (options.contains("--expect")) {
    const BitQuality quality = measure_bits(detection, static_cast<uint32_t>(std::stoul(options.at("--expect"))));
    line["raw_accuracy"] = quality.accuracy;
    line["bit_snr"] = quality.snr;
  }
  std::printf("%s\n", line.dump().c_str());
}

int run(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  Options options;
  for (int i = 2; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  if (command == "embed") {
    embed(options);
  } else if (command == "detect") {
    detect(options);
  } else {
    fmt::print(stderr, "usage: soragen_watermark_bench embed|detect [--option value ...]\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace soragen::provenance::watermark

int main(int argc, char** argv) {
  try {
    return soragen::provenance::watermark::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "soragen_watermark_bench: {}\n", error.what());
    return 1;
  }
}
