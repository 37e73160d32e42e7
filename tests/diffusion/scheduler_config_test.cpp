#include "diffusion/scheduler_config.h"

#include <gtest/gtest.h>

#include "diffusion/solver.h"
#include "support/expect_error.h"

namespace soragen::diffusion {
namespace {

SchedulerConfig parse(const Json& json) { return parse_scheduler_config(JsonObject(json, "scheduler_config.json")); }

Json unipc_json() {
  return {
      {"_class_name", "UniPCMultistepScheduler"}, {"prediction_type", "flow_prediction"}, {"use_flow_sigmas", true}};
}
Json dpmpp_json() {
  Json json = unipc_json();
  json["_class_name"] = "DPMSolverMultistepScheduler";
  return json;
}
Json euler_json() { return {{"_class_name", "FlowMatchEulerDiscreteScheduler"}}; }

Json with(Json json, const char* key, Json value) {
  json[key] = std::move(value);
  return json;
}

TEST(SchedulerConfig, ReadsWhatTheClassReads) {
  Json json = unipc_json();
  json.update({{"flow_shift", 12.0},
               {"shift", 99.0},
               {"solver_order", 3},
               {"solver_type", "bh1"},
               {"lower_order_final", false},
               {"final_sigmas_type", "sigma_min"},
               {"disable_corrector", {0, 4}},
               {"shift_terminal", 0.1},
               {"num_train_timesteps", 500}});
  const SchedulerConfig unipc = parse(json);
  EXPECT_EQ(unipc.solver, "unipc");
  EXPECT_EQ(unipc.shift, 12.0);
  EXPECT_EQ(unipc.solver_order, 3);
  EXPECT_TRUE(unipc.is_bh1);
  EXPECT_FALSE(unipc.lower_order_final);
  EXPECT_FALSE(unipc.final_sigma_is_zero);
  EXPECT_EQ(unipc.disable_corrector, (std::vector<int64_t>{0, 4}));
  EXPECT_EQ(unipc.shift_terminal, 0.1);
  EXPECT_EQ(unipc.num_train_timesteps, 500);
  EXPECT_EQ(parse(with(with(euler_json(), "shift", 3), "flow_shift", 9)).shift, 3.0);
}

TEST(SchedulerConfig, KnowsTheSchedulersDefaults) {
  const SchedulerConfig config = parse(unipc_json());
  EXPECT_EQ(config.shift, 1.0);
  EXPECT_EQ(config.solver_order, 2);
  EXPECT_FALSE(config.is_bh1);
  EXPECT_TRUE(config.lower_order_final);
  EXPECT_TRUE(config.final_sigma_is_zero);
  EXPECT_EQ(config.num_train_timesteps, 1000);
}

TEST(SchedulerConfig, ToleratesWhatTheReferenceTolerates) {
  EXPECT_EQ(parse(with(unipc_json(), "a_key_of_tomorrow", "x")).solver, "unipc");
  EXPECT_FALSE(parse(with(unipc_json(), "solver_type", "midpoint")).is_bh1);
  EXPECT_EQ(parse(with(dpmpp_json(), "solver_type", "bh2")).solver, "dpm++");
  EXPECT_EQ(parse(with(unipc_json(), "shift_terminal", nullptr)).shift_terminal, 0.0);
  EXPECT_EQ(parse(with(euler_json(), "thresholding", true)).solver, "euler");  // not a key of that class
  EXPECT_EQ(parse(with(euler_json(), "stochastic_sampling", true)).solver, "lcm");
}

TEST(SchedulerConfig, RefusesWithTheReason) {
  const auto unsupported = ErrorKind::unsupported;
  EXPECT_ERROR(parse({{"_class_name", "DDIMScheduler"}}), unsupported, "DDIMScheduler");
  EXPECT_ERROR(parse({{"_class_name", ""}}), unsupported, "UniPCMultistepScheduler, DPMSolverMultistepScheduler");
  EXPECT_ERROR(parse({{"_class_name", "UniPCMultistepScheduler"}}), unsupported, "epsilon");
  EXPECT_ERROR(parse(with(unipc_json(), "use_flow_sigmas", false)), unsupported, "use_flow_sigmas");
  EXPECT_ERROR(parse(with(unipc_json(), "predict_x0", false)), unsupported, "predict_x0");
  EXPECT_ERROR(parse(with(unipc_json(), "solver_p", Json::array())), unsupported, "solver_p");
  EXPECT_ERROR(parse(with(unipc_json(), "thresholding", true)), unsupported, "latents are not pixels");
  EXPECT_ERROR(parse(with(dpmpp_json(), "algorithm_type", "sde-dpmsolver++")), unsupported, "sde-dpmsolver++");
  EXPECT_ERROR(parse(with(dpmpp_json(), "solver_order", 3)), unsupported, "orders 1 and 2");
  EXPECT_ERROR(parse(with(dpmpp_json(), "solver_type", "heun")), unsupported, "midpoint");
  EXPECT_ERROR(parse(with(dpmpp_json(), "final_sigmas_type", "sigma_min")), unsupported, "variance schedule");
  EXPECT_ERROR(parse(with(dpmpp_json(), "use_lu_lambdas", true)), unsupported, "use_lu_lambdas");
  EXPECT_ERROR(parse(with(euler_json(), "invert_sigmas", true)), unsupported, "invert_sigmas");
  for (const Json& json : {unipc_json(), dpmpp_json(), euler_json()})
    for (const char* key : {"use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_dynamic_shifting"})
      EXPECT_ERROR(parse(with(json, key, true)), unsupported, key);
  EXPECT_ERROR(parse({{"_class_name", "FlowMatchLCMScheduler"}, {"scale_factors", {0.5}}}), unsupported,
               "scale_factors");
}

TEST(SchedulerConfig, NamesTheKeyOfABadValue) {
  const auto input = ErrorKind::input;
  EXPECT_ERROR(parse(Json::array()), input, "scheduler_config.json");
  EXPECT_ERROR(parse(Json::object()), input, "_class_name");
  EXPECT_ERROR(parse({{"_class_name", 7}}), input, "_class_name");
  EXPECT_ERROR(parse(with(unipc_json(), "solver_order", 0)), input, "solver_order");
  EXPECT_ERROR(parse(with(unipc_json(), "solver_order", 4)), input, "solver_order");
  EXPECT_ERROR(parse(with(unipc_json(), "solver_order", "2")), input, "solver_order");
  EXPECT_ERROR(parse(with(unipc_json(), "flow_shift", 0)), input, "flow_shift");
  EXPECT_ERROR(parse(with(unipc_json(), "flow_shift", "5")), input, "flow_shift");
  EXPECT_ERROR(parse(with(euler_json(), "shift", -1)), input, "shift");
  EXPECT_ERROR(parse(with(unipc_json(), "shift_terminal", 1.0)), input, "shift_terminal");
  EXPECT_ERROR(parse(with(unipc_json(), "final_sigmas_type", "one")), input, "final_sigmas_type");
  EXPECT_ERROR(parse(with(unipc_json(), "solver_type", "bh3")), input, "solver_type");
  EXPECT_ERROR(parse(with(unipc_json(), "disable_corrector", {-1})), input, "disable_corrector");
  EXPECT_ERROR(parse(with(unipc_json(), "use_flow_sigmas", "yes")), input, "use_flow_sigmas");
  EXPECT_ERROR(parse(with(unipc_json(), "num_train_timesteps", 0)), input, "num_train_timesteps");
  EXPECT_ERROR(parse(with(unipc_json(), "num_train_timesteps", 1'000'000'000)), input, "num_train_timesteps");
}

TEST(SchedulerConfig, AnotherSolverKeepsWhatBelongsToTheModel) {
  const SchedulerConfig config =
      parse(with(with(with(unipc_json(), "flow_shift", 8), "solver_order", 3), "num_train_timesteps", 500));
  const SchedulerConfig euler = with_solver(config, "euler");
  EXPECT_EQ(euler.solver, "euler");
  EXPECT_EQ(euler.shift, 8.0);
  EXPECT_EQ(euler.num_train_timesteps, 500);
  EXPECT_EQ(with_solver(config, "dpm++").solver_order, 2);
  EXPECT_EQ(with_solver(config, "unipc").solver_order, 3);
  EXPECT_ERROR(with_solver(config, "unipcc"), ErrorKind::usage, "did you mean \"unipc\"");
  EXPECT_ERROR(with_solver(config, ""), ErrorKind::usage, "unipc, dpm++, euler, lcm, dmd");
}

}  // namespace
}  // namespace soragen::diffusion
