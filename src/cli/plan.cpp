// soragen plan: every setting that generate would use with where it comes from, and the memory by stage.
#include "pipeline/plan.h"

#include "cli/commands.h"
#include "cli/model_location.h"
#include "cli/quantities.h"
#include "cli/results.h"
#include "core/fail.h"
#include "core/printable.h"
#include "pipeline/generator.h"
#include "pipeline/lever_options.h"
#include "pipeline/options.h"
#include "pipeline/profile.h"

namespace soragen::cli {
namespace {

using pipeline::Plan;

// The last of the sources, in order of precedence, that sets an option.
class Origins {
 public:
  Origins(const Request& given, const families::ModelSpec& spec) {
    const pipeline::Profile profile = pipeline::profile_for(spec);
    sources_ = {{"profile " + profile.name, pipeline::to_json(profile.defaults)},
                {"soragen.json", pipeline::to_json(pipeline::directory_defaults(spec))},
                {"preset", given.preset ? pipeline::to_json(pipeline::preset_named(*given.preset)) : Json::object()},
                {"given", pipeline::to_json(given)}};
  }

  std::string of(const std::string& option, const std::string& otherwise) const {
    std::string origin = otherwise;
    for (const auto& [name, settings] : sources_)
      if (settings.contains(option)) origin = name;
    return origin;
  }

 private:
  std::vector<std::pair<std::string, Json>> sources_;
};

struct Row {
  std::string option, value;
  std::string otherwise = "built-in";  // its origin where no source sets it
};

constexpr const char* kScheduler = "scheduler_config.json";
constexpr const char* kMachine = "this machine";

std::vector<Row> settings_of(const Plan& plan, const Request& given) {
  std::vector<Row> rows = {{"size", fmt::format("{}x{}", plan.size.width, plan.size.height)},
                           {"frames", fmt::format("{}", plan.frames)},
                           {"fps", to_string(plan.fps)},
                           {"steps", fmt::format("{}", plan.sampling.schedule.steps())},
                           {"guidance", fmt::format("{}", plan.sampling.guidance.high_noise)}};
  if (plan.sampling.boundary_timestep)
    rows.push_back({"guidance-2", fmt::format("{}", plan.sampling.guidance.low_noise)});
  if (const auto& interval = plan.request.guidance_interval)
    rows.push_back({"guidance-interval", pipeline::to_string(*interval)});
  if (plan.request.step_cache) rows.push_back({"step-cache", fmt::format("{}", *plan.request.step_cache)});
  for (const pipeline::PlannedLora& lora : plan.loras)
    rows.push_back({"lora", printable(pipeline::to_string(lora.choice))});
  rows.push_back({"seed", given.seed ? fmt::format("{}", plan.seed) : "random", "drawn for each film"});
  rows.push_back({"solver", plan.sampling.scheduler.solver, kScheduler});
  rows.push_back({"shift", fmt::format("{}", plan.sampling.scheduler.shift), kScheduler});
  rows.push_back({"negative-prompt", fmt::format("\"{}\"", printable(plan.negative_prompt))});
  rows.push_back({"threads", fmt::format("{}", plan.threads), kMachine});
  rows.push_back({"memory", format_bytes(plan.memory_limit), kMachine});
  rows.push_back({"device", *plan.request.device, kMachine});
  if (plan.card_limit > 0) rows.push_back({"vram", format_bytes(plan.card_limit), kMachine});
  return rows;
}

std::string shortened(const std::string& text, size_t length) {
  return text.size() <= length ? text : text.substr(0, length - 3) + "...";
}

std::string table_of(const Plan& plan, const Request& given, const families::ModelSpec& spec, const Origins& origins) {
  std::string text = fmt::format("model {}: {} ({})\n\n", printable(spec.directory.string()),
                                 plan.profile.empty() ? spec.family : plan.profile, spec.pipeline_class);
  for (const Row& row : settings_of(plan, given))
    text += fmt::format("  {:<17} {:<40} {}\n", row.option, shortened(row.value, 40),
                        origins.of(row.option, row.otherwise));
  text += fmt::format("\n  {:<9} {:<5} {:<6} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "stage", "on", "dtype", "weights",
                      "working", "libraries", "together", "time");
  for (const pipeline::StagePlan& stage : plan.stages)
    text += fmt::format("  {:<9} {:<5} {:<6} {:>10} {:>10} {:>10} {:>10} {:>10}  {}\n", stage.name, stage.place,
                        stage.dtype, format_bytes(stage.cost.weights), format_bytes(stage.cost.activations),
                        stage.workspace > 0 ? format_bytes(stage.workspace) : "-",
                        format_bytes(stage.cost.weights + stage.cost.activations + stage.workspace),
                        stage.seconds > 0 ? fmt::format("{:.1f} s", stage.seconds) : "-", stage.note);
  std::vector<std::string> assumed;
  if (plan.card_limit > 0)
    assumed.push_back(fmt::format("{:.0f} GB/s to the card, {:.0f} TFLOP/s in its products",
                                  pipeline::kAssumedCopyRate / 1e9, pipeline::kAssumedFlopRate / 1e12));
  if (plan.denoise_blocks.is_from_file)
    assumed.push_back(fmt::format("{:.0f} GB/s from the file", pipeline::kAssumedFileRate / 1e9));
  if (!assumed.empty()) text += fmt::format("\n  assumed, not measured: {}\n", fmt::join(assumed, ", "));
  for (const std::string& warning : plan.warnings) text += fmt::format("\nwarning: {}\n", printable(warning));
  return text;
}

Json json_of(const Plan& plan, const Request& given, const families::ModelSpec& spec, const Origins& origins) {
  Json json = pipeline::to_json(plan, spec);
  if (!given.seed) json["settings"]["seed"] = nullptr;  // drawn when the film is made
  if (!given.prompt) json["settings"]["prompt"] = nullptr;
  json["warnings"] = plan.warnings;
  for (const Row& row : settings_of(plan, given)) json["origins"][row.option] = origins.of(row.option, row.otherwise);
  return json;
}

}  // namespace

int plan(const Invocation& invocation) {
  const families::ModelSpec spec = pipeline::open_model(locate_model(invocation.model));
  Request request = invocation.request;
  if (!request.prompt) request.prompt = "";
  pipeline::Hardware hardware = pipeline::detect_hardware();
  // --vram alone is a question that needs no card: what would this film need on one of that size?
  if (request.vram && request.device.value_or("auto") != "cpu" && !hardware.card)
    hardware.card = {.name = "a card that is not here", .memory = *request.vram};
  Plan plan = pipeline::make_plan(request, spec, hardware);
  pipeline::predict_seconds(plan, pipeline::measure_rate(plan.threads, hardware.has_fast_bf16));
  const Origins origins(invocation.request, spec);
  if (invocation.json)
    print_json(json_of(plan, invocation.request, spec, origins), 2);
  else
    print_text(table_of(plan, invocation.request, spec, origins));
  return 0;
}

}  // namespace soragen::cli
