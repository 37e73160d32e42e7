#include "pipeline/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "core/fail.h"
#include "core/spelling.h"
#include "pipeline/lever_options.h"

namespace soragen::pipeline {
namespace {

[[noreturn]] void wrong(const Option& option, const Json& found, const std::string& expected) {
  std::string text =
      found.is_string() ? found.get<std::string>() : found.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  fail(ErrorKind::usage, "--{}: '{}' is not valid; use {}", option.name, text, expected);
}

// A number from a JSON number or from the text of a command line; nothing else may follow it.
template <typename Number>
std::optional<Number> parse_number(const Json& value) {
  std::string text = value.is_string() ? value.get<std::string>() : (value.is_number() ? value.dump() : "");
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <auto field, int64_t min, int64_t max>
void set_integer(Request& request, const Option& option, const Json& value) {
  const auto number = parse_number<int64_t>(value);
  if (!number || *number < min || *number > max)
    wrong(option, value, fmt::format("a whole number from {} to {}", min, max));
  request.*field = *number;
}

template <auto field, int min, int max>
void set_real(Request& request, const Option& option, const Json& value) {
  const auto number = parse_number<double>(value);
  if (!number || !std::isfinite(*number) || *number < min || *number > max)
    wrong(option, value, fmt::format("a number from {} to {}", min, max));
  request.*field = *number;
}

template <auto field>
void set_text(Request& request, const Option& option, const Json& value) {
  if (!value.is_string()) wrong(option, value, "text");
  request.*field = value.get<std::string>();
}

template <auto field>
void set_choice(Request& request, const Option& option, const Json& value) {
  if (!value.is_string() ||
      std::find(option.choices.begin(), option.choices.end(), value.get<std::string>()) == option.choices.end())
    wrong(option, value, fmt::format("one of {}", fmt::join(option.choices, ", ")));
  request.*field = value.get<std::string>();
}

template <auto field>
void set_bool(Request& request, const Option& option, const Json& value) {
  if (!value.is_boolean()) wrong(option, value, "true or false");
  request.*field = value.get<bool>();
}

void set_seed(Request& request, const Option& option, const Json& value) {
  const auto number = parse_number<uint64_t>(value);
  if (!number || *number > static_cast<uint64_t>(INT64_MAX))
    wrong(option, value, "a whole number from 0 to 9223372036854775807");
  request.seed = *number;
}

void set_size(Request& request, const Option& option, const Json& value) {
  constexpr int64_t kMaxEdge = 16384;  // beyond every codec's limit
  const std::string text = value.is_string() ? value.get<std::string>() : "";
  const size_t cross = text.find('x');
  const auto part = [&](const std::string& digits) { return parse_number<int64_t>(Json(digits)).value_or(0); };
  Size size;
  if (cross != std::string::npos) size = {.width = part(text.substr(0, cross)), .height = part(text.substr(cross + 1))};
  if (size.width < 1 || size.height < 1 || size.width > kMaxEdge || size.height > kMaxEdge)
    wrong(option, value, fmt::format("WIDTHxHEIGHT in pixels up to {}, e.g. 832x480", kMaxEdge));
  request.size = size;
}

void set_fps(Request& request, const Option& option, const Json& value) {
  if (!value.is_string() && !value.is_number())
    wrong(option, value, "frames per second, e.g. 16, 23.976 or 30000/1001");
  request.fps = parse_frame_rate(value.is_string() ? value.get<std::string>() : value.dump());
}

void set_timesteps(Request& request, const Option& option, const Json& value) {
  std::vector<double> timesteps;
  if (value.is_array())
    for (const Json& entry : value) timesteps.push_back(entry.is_number() ? entry.get<double>() : 0.0);
  const auto is_wrong = [](double t) { return !std::isfinite(t) || t <= 0; };
  if (timesteps.empty() || std::any_of(timesteps.begin(), timesteps.end(), is_wrong))
    wrong(option, value, "a list of numbers above 0");
  request.timesteps = timesteps;
}

void set_guidance_interval(Request& request, const Option& option, const Json& value) {
  request.guidance_interval = parse_guidance_interval(value.is_string() ? value.get<std::string>() : "");
  if (!request.guidance_interval)
    wrong(option, value, "A-B or A-B:reuse, shares of the steps from 0 to 1, e.g. 0.1-0.8 or 0-0.5:reuse");
}

// A list in JSON, so that a name may hold a comma; text is split at commas.
void set_lora(Request& request, const Option& option, const Json& value) {
  std::vector<LoraChoice> choices;
  const auto add = [&](const std::string& text) {
    const auto choice = parse_lora_choice(text);
    if (!choice) wrong(option, value, "FILE[:STRENGTH][@high|@low], several with commas; strengths from -100 to 100");
    choices.push_back(*choice);
  };
  if (value.is_array()) {
    for (const Json& entry : value) add(entry.is_string() ? entry.get<std::string>() : "");
  } else {
    const std::string text = value.is_string() ? value.get<std::string>() : "";
    for (size_t begin = 0; begin <= text.size();) {
      const size_t comma = std::min(text.find(',', begin), text.size());
      add(text.substr(begin, comma - begin));
      begin = comma + 1;
    }
  }
  request.lora = choices;
}

template <auto field>
void set_bytes(Request& request, const Option& option, const Json& value) {
  const std::string expected = "bytes with a unit: 512M, 16G";
  std::string text = value.is_string() ? value.get<std::string>() : (value.is_number_unsigned() ? value.dump() : "");
  int shift = 0;
  if (!text.empty() && (text.back() == 'M' || text.back() == 'G')) {
    shift = text.back() == 'M' ? 20 : 30;
    text.pop_back();
  }
  const auto number = parse_number<int64_t>(Json(text));
  if (!number || *number < 1 || *number > (INT64_MAX >> shift)) wrong(option, value, expected);
  request.*field = *number << shift;
}

template <auto field>
Json get_plain(const Request& request) {
  return request.*field ? Json(*(request.*field)) : Json();
}
Json get_size(const Request& request) {
  return request.size ? Json(fmt::format("{}x{}", request.size->width, request.size->height)) : Json();
}
Json get_guidance_interval(const Request& request) {
  return request.guidance_interval ? Json(to_string(*request.guidance_interval)) : Json();
}
Json get_lora(const Request& request) {
  if (!request.lora) return {};
  Json list = Json::array();
  for (const LoraChoice& lora : *request.lora) list.push_back(to_string(lora));
  return list;
}
Json get_fps(const Request& request) { return request.fps ? Json(to_string(*request.fps)) : Json(); }

constexpr std::string_view kSolvers[] = {"unipc", "euler", "dpm++", "dmd", "lcm"};
constexpr std::string_view kDevices[] = {"auto", "cpu", "cuda"};
constexpr std::string_view kDtypes[] = {"auto", "fp32", "bf16"};
constexpr std::string_view kWeights[] = {"full", "int8"};
constexpr std::string_view kAttention[] = {"auto", "tiled", "aten", "sm80", "sm90", "int8", "int8-sparse"};
constexpr std::string_view kPresets[] = {"draft"};

using R = Request;
constexpr auto kFilm = OptionGroup::film, kOutput = OptionGroup::output, kComputing = OptionGroup::computing;

const Option kOptions[] = {
    {"prompt", "TEXT", "what the film shows", kFilm, true, {}, set_text<&R::prompt>, get_plain<&R::prompt>},
    {"negative-prompt",
     "TEXT",
     "what it should not show (default: the model's own)",
     kFilm,
     true,
     {},
     set_text<&R::negative_prompt>,
     get_plain<&R::negative_prompt>},
    {"size", "WxH", "pixels (default: the model's own)", kFilm, true, {}, set_size, get_size},
    {"frames",
     "N",
     "number of frames (default: the model's own)",
     kFilm,
     true,
     {},
     set_integer<&R::frames, 1, 100'000>,
     get_plain<&R::frames>},
    {"fps", "RATE", "frames per second, fractions too (default: the model's own)", kFilm, true, {}, set_fps, get_fps},
    {"steps",
     "N",
     "denoising steps (default: the model's own)",
     kFilm,
     true,
     {},
     set_integer<&R::steps, 1, 1000>,
     get_plain<&R::steps>},
    {"timesteps",
     "LIST",
     "a few-step checkpoint's own timesteps",
     kFilm,
     false,
     {},
     set_timesteps,
     get_plain<&R::timesteps>},
    {"guidance",
     "X",
     "how closely to follow the prompt, 1: off (default: the model's own)",
     kFilm,
     true,
     {},
     set_real<&R::guidance, 0, 100>,
     get_plain<&R::guidance>},
    {"guidance-2",
     "X",
     "of a second, low-noise expert (default: the model's own)",
     kFilm,
     true,
     {},
     set_real<&R::guidance_2, 0, 100>,
     get_plain<&R::guidance_2>},
    {"guidance-interval",
     "A-B",
     "share of steps with guidance, 0-0.5:reuse keeps it (default: 0-1)",
     kFilm,
     true,
     {},
     set_guidance_interval,
     get_guidance_interval},
    {"seed", "N", "same seed, same film (default: random, printed)", kFilm, true, {}, set_seed, get_plain<&R::seed>},
    {"solver", "NAME", "unipc, euler, dpm++, dmd, lcm (default: the model's own)", kFilm, true, kSolvers,
     set_choice<&R::solver>, get_plain<&R::solver>},
    {"shift",
     "X",
     "more steps at high noise when above 1 (default: the model's own)",
     kFilm,
     true,
     {},
     set_real<&R::shift, 0, 1000>,
     get_plain<&R::shift>},
    {"step-cache",
     "X",
     "reuse a step's answer while less than X changed (default: 0, off)",
     kFilm,
     true,
     {},
     set_real<&R::step_cache, 0, 10>,
     get_plain<&R::step_cache>},
    {"lora",
     "LIST",
     "LoRA files to merge: FILE[:STRENGTH][@high|@low],... (default: none)",
     kFilm,
     true,
     {},
     set_lora,
     get_lora},
    {"preset", "NAME", "settings by name: draft", kFilm, true, kPresets, set_choice<&R::preset>, get_plain<&R::preset>},
    {"output",
     "FILE",
     "the film's file; its ending names the format, - is y4m on stdout",
     kOutput,
     true,
     {},
     set_text<&R::output>,
     get_plain<&R::output>},
    {"codec",
     "NAME",
     "h264, h265, av1, vp9, ffv1 (default: by file ending)",
     kOutput,
     true,
     {},
     set_text<&R::codec>,
     get_plain<&R::codec>},
    {"crf",
     "N",
     "quality of the encoder, lower is better (default: the codec's own)",
     kOutput,
     true,
     {},
     set_integer<&R::crf, 0, 63>,
     get_plain<&R::crf>},
    {"label",
     "TEXT",
     "visible label in a corner; cn is the one that China asks for",
     kOutput,
     true,
     {},
     set_text<&R::label>,
     get_plain<&R::label>},
    {"save-latents",
     "FILE",
     "keep the latents, for `soragen decode`",
     kOutput,
     true,
     {},
     set_text<&R::save_latents>,
     get_plain<&R::save_latents>},
    {"device", "NAME", "auto, cpu, cuda (default: auto)", kComputing, true, kDevices, set_choice<&R::device>,
     get_plain<&R::device>},
    {"dtype", "NAME", "auto, fp32 (exact), bf16 (default: auto)", kComputing, true, kDtypes, set_choice<&R::dtype>,
     get_plain<&R::dtype>},
    {"weights", "NAME", "the transformer's: full, int8 (half of bf16's memory; default: full)", kComputing, true,
     kWeights, set_choice<&R::weights>, get_plain<&R::weights>},
    {"attention", "NAME", "auto, tiled (AVX-512), aten; CUDA: sm80, sm90, int8, int8-sparse", kComputing, true,
     kAttention, set_choice<&R::attention>, get_plain<&R::attention>},
    // Of JSON lines and soragen.json alone, until it has been seen on a card: then it needs no option.
    {"cuda-graphs",
     "",
     "a small film's step on a card as one launch",
     kComputing,
     false,
     {},
     set_bool<&R::cuda_graphs>,
     get_plain<&R::cuda_graphs>},
    {"threads",
     "N",
     "CPU threads (default: all)",
     kComputing,
     true,
     {},
     set_integer<&R::threads, 1, 1024>,
     get_plain<&R::threads>},
    {"memory",
     "SIZE",
     "memory the run may use, e.g. 16G (default: what is free)",
     kComputing,
     true,
     {},
     set_bytes<&R::memory>,
     get_plain<&R::memory>},
    {"vram",
     "SIZE",
     "memory of a card that it may use, e.g. 8G (default: what is free)",
     kComputing,
     true,
     {},
     set_bytes<&R::vram>,
     get_plain<&R::vram>},
};

std::string with_dashes(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

}  // namespace

std::span<const Option> options() { return kOptions; }

const Option& option_named(std::string_view name) {
  const std::string wanted = with_dashes(name);
  std::vector<std::string> names;
  for (const Option& option : kOptions) {
    if (option.name == wanted) return option;
    names.emplace_back(option.name);
  }
  const std::string nearest = nearest_word(wanted, names);
  fail(ErrorKind::usage, "'{}' is not an option{}", name,
       nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest));
}

void set_option(Request& request, std::string_view name, const Json& value) {
  const Option& option = option_named(name);
  option.set(request, option, value);
}

Request parse_request(const Json& object, const std::string& where) {
  if (!object.is_object()) fail(ErrorKind::usage, "{}: expected a JSON object of options", where);
  Request request;
  for (const auto& [key, value] : object.items()) {
    if (value.is_null()) continue;
    try {
      set_option(request, key, value);
    } catch (const Error& error) {
      throw Error(error.kind(), where + ": " + error.what());
    }
  }
  return request;
}

Json to_json(const Request& request) {
  Json json = Json::object();
  for (const Option& option : kOptions)
    if (Json value = option.get(request); !value.is_null()) json[std::string(option.name)] = std::move(value);
  return json;
}

}  // namespace soragen::pipeline

namespace soragen {

Request merge(const Request& base, const Request& over) {
  Request merged = base;
  const auto take = [](auto& target, const auto& source) {
    if (source) target = source;
  };
  take(merged.prompt, over.prompt);
  take(merged.negative_prompt, over.negative_prompt);
  take(merged.size, over.size);
  take(merged.frames, over.frames);
  take(merged.fps, over.fps);
  take(merged.steps, over.steps);
  take(merged.timesteps, over.timesteps);
  if (over.steps && !over.timesteps)
    merged.timesteps.reset();  // a number of steps replaces a list and the other way round
  if (over.timesteps && !over.steps) merged.steps.reset();
  take(merged.guidance, over.guidance);
  take(merged.guidance_2, over.guidance_2);
  take(merged.seed, over.seed);
  take(merged.solver, over.solver);
  take(merged.shift, over.shift);
  take(merged.lora, over.lora);
  take(merged.guidance_interval, over.guidance_interval);
  take(merged.step_cache, over.step_cache);
  take(merged.preset, over.preset);
  take(merged.output, over.output);
  take(merged.codec, over.codec);
  take(merged.crf, over.crf);
  take(merged.label, over.label);
  take(merged.save_latents, over.save_latents);
  take(merged.device, over.device);
  take(merged.dtype, over.dtype);
  take(merged.weights, over.weights);
  take(merged.attention, over.attention);
  take(merged.cuda_graphs, over.cuda_graphs);
  take(merged.threads, over.threads);
  take(merged.memory, over.memory);
  take(merged.vram, over.vram);
  return merged;
}

}  // namespace soragen
