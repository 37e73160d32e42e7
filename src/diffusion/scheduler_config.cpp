#include "diffusion/scheduler_config.h"

#include <array>

#include "core/fail.h"
#include "diffusion/solver.h"

namespace soragen::diffusion {
namespace {

constexpr int64_t kMaxTrainTimesteps = 100'000;  // all known checkpoints say 1000
constexpr int64_t kMaxOrder = 3;

struct Refusal {
  std::string_view key;
  std::string_view reason;
};

constexpr std::array kRefusedAnywhere = {
    Refusal{"use_karras_sigmas", "its sigmas belong to diffusion with added variance, not to flow matching"},
    Refusal{"use_exponential_sigmas", "its sigmas belong to diffusion with added variance, not to flow matching"},
    Refusal{"use_beta_sigmas", "its sigmas belong to diffusion with added variance, not to flow matching"},
    Refusal{"use_dynamic_shifting", "the shift would follow from a size that the reference pipeline never passes"},
};
constexpr std::array kRefusedInMultistep = {
    Refusal{"use_lu_lambdas", "its sigmas belong to diffusion with added variance, not to flow matching"},
    Refusal{"thresholding", "it clips pixels to [-1, 1], and latents are not pixels"},
};
constexpr std::array kRefusedInFlowMatch = {
    Refusal{"invert_sigmas", "time would run from 0 to 1, and no supported family is trained so"},
};

template <size_t N>
void refuse_true(const JsonObject& object, const std::array<Refusal, N>& refusals) {
  for (const auto& [key, reason] : refusals)
    if (object.boolean_or(std::string(key), false))
      fail(ErrorKind::unsupported, "{}: \"{}\" is true: {}; false is supported", object.where(), key, reason);
}

void expect(const JsonObject& object, const std::string& key, const std::string& fallback, const std::string& needed,
            std::string_view reason) {
  const std::string found = object.string_or(key, fallback);
  if (found != needed)
    fail(ErrorKind::unsupported, "{}: \"{}\" is \"{}\"; soragen supports \"{}\": {}", object.where(), key, found,
         needed, reason);
}

double positive_shift(const JsonObject& object, const std::string& key) {
  const double shift = object.number_or(key, 1.0);
  if (shift <= 0.0)
    fail(ErrorKind::input, "{}: key \"{}\" is {}; expected a number greater than 0", object.where(), key, shift);
  return shift;
}

double parse_shift_terminal(const JsonObject& object) {
  const double terminal = object.number_or("shift_terminal", 0.0);
  if (terminal < 0.0 || terminal >= 1.0)
    fail(ErrorKind::input, "{}: key \"shift_terminal\" is {}; expected a number from 0 to below 1", object.where(),
         terminal);
  return terminal;
}

bool parse_final_sigma(const JsonObject& object) {
  const std::string type = object.string_or("final_sigmas_type", "zero");
  if (type != "zero" && type != "sigma_min")
    fail(ErrorKind::input, "{}: key \"final_sigmas_type\" is \"{}\"; expected \"zero\" or \"sigma_min\"",
         object.where(), type);
  return type == "zero";
}

void parse_multistep(const JsonObject& object, SchedulerConfig& config) {
  refuse_true(object, kRefusedInMultistep);
  expect(object, "prediction_type", "epsilon", "flow_prediction", "the models predict a velocity");
  if (!object.boolean_or("use_flow_sigmas", false))
    fail(ErrorKind::unsupported,
         "{}: \"use_flow_sigmas\" is not true; soragen samples flow-matching models, which need it", object.where());
  config.shift = positive_shift(object, "flow_shift");
  config.solver_order = object.integer_or("solver_order", 2, 1, kMaxOrder);
  config.lower_order_final = object.boolean_or("lower_order_final", true);
  config.final_sigma_is_zero = parse_final_sigma(object);
}

// bh2 is also what the reference makes of the names of DPM-Solver's types.
bool parse_is_bh1(const JsonObject& object) {
  const std::string type = object.string_or("solver_type", "bh2");
  if (type != "bh1" && type != "bh2" && type != "midpoint" && type != "heun" && type != "logrho")
    fail(ErrorKind::input, "{}: key \"solver_type\" is \"{}\"; expected \"bh1\" or \"bh2\"", object.where(), type);
  return type == "bh1";
}

void parse_unipc(const JsonObject& object, SchedulerConfig& config) {
  parse_multistep(object, config);
  if (!object.boolean_or("predict_x0", true))
    fail(ErrorKind::unsupported, "{}: \"predict_x0\" is false: a velocity converts to x0 only; true is supported",
         object.where());
  if (object.has("solver_p"))
    fail(ErrorKind::unsupported, "{}: \"solver_p\" names a second solver; only UniP itself (null) is supported",
         object.where());
  config.is_bh1 = parse_is_bh1(object);
  config.shift_terminal = parse_shift_terminal(object);
  if (object.has("disable_corrector"))
    config.disable_corrector = object.integers("disable_corrector", 0, kMaxTrainTimesteps);
}

void parse_dpmpp(const JsonObject& object, SchedulerConfig& config) {
  parse_multistep(object, config);
  expect(object, "algorithm_type", "dpmsolver++", "dpmsolver++", "the other algorithms predict noise or add it");
  if (object.string_or("solver_type", "midpoint") == "heun")
    fail(ErrorKind::unsupported, "{}: \"solver_type\" is \"heun\"; \"midpoint\" is supported", object.where());
  if (config.solver_order > 2)
    fail(ErrorKind::unsupported, "{}: \"solver_order\" is {}; DPM++ is supported at orders 1 and 2", object.where(),
         config.solver_order);
  if (!config.final_sigma_is_zero)
    fail(ErrorKind::unsupported,
         "{}: \"final_sigmas_type\" is \"sigma_min\", which here means the end of a variance schedule that flow models "
         "lack; \"zero\" is supported",
         object.where());
}

void parse_flow_match(const JsonObject& object, SchedulerConfig& config) {
  refuse_true(object, kRefusedInFlowMatch);
  if (object.has("scale_factors") && !object.numbers("scale_factors").empty())
    fail(ErrorKind::unsupported, "{}: \"scale_factors\" changes the film's size between steps; null is supported",
         object.where());
  config.shift = positive_shift(object, "shift");
  config.shift_terminal = parse_shift_terminal(object);
  // Euler's stochastic form predicts x0 and adds fresh noise: the few-step solver under another name.
  if (object.boolean_or("stochastic_sampling", false)) config.solver = "lcm";
}

}  // namespace

SchedulerConfig parse_scheduler_config(const JsonObject& object) {
  const SolverRow& row = solver_for_scheduler(object.string("_class_name"), object.where());
  SchedulerConfig config;
  config.solver = row.name;
  config.num_train_timesteps = object.integer_or("num_train_timesteps", 1000, 1, kMaxTrainTimesteps);
  refuse_true(object, kRefusedAnywhere);
  if (config.solver == "unipc") parse_unipc(object, config);
  if (config.solver == "dpm++") parse_dpmpp(object, config);
  if (config.solver == "euler" || config.solver == "lcm") parse_flow_match(object, config);
  return config;
}

SchedulerConfig with_solver(const SchedulerConfig& config, std::string_view solver) {
  const SolverRow& row = solver_named(solver);
  if (row.name == config.solver) return config;
  SchedulerConfig changed;
  changed.solver = row.name;
  changed.num_train_timesteps = config.num_train_timesteps;
  changed.shift = config.shift;
  changed.shift_terminal = config.shift_terminal;
  return changed;
}

}  // namespace soragen::diffusion
