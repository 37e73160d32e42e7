// Step cache, guidance interval and LoRA files: what is asked, decided, refused and recorded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/hash.h"
#include "pipeline/generator.h"
#include "pipeline/lever_options.h"
#include "pipeline/options.h"
#include "pipeline/profile.h"
#include "pipeline/record.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/temp_dir.h"

namespace soragen::pipeline {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(SORAGEN_SOURCE_DIR) / "tests/golden";

Request ask(const Json& options) { return parse_request(options, "request"); }
std::string lora_file(const std::string& name) { return (kGolden / "lora" / (name + ".safetensors")).string(); }

TEST(LeverOptions, GuidanceIntervalsReadBack) {
  for (const std::string text : {"0-1", "0.1-0.8", "0-0.5:reuse", "0.25-0.3333333333333333", "1e-05-0.5"}) {
    const auto interval = parse_guidance_interval(text);
    ASSERT_TRUE(interval) << text;
    EXPECT_EQ(to_string(*interval), text);
  }
  EXPECT_EQ(parse_guidance_interval("0.1-0.8:reuse"), (GuidanceInterval{.begin = 0.1, .end = 0.8, .reuse = true}));
  for (const std::string text : {"", "-", "0.5", "0.5-", "-0.5", "0.8-0.1", "0.5-0.5", "0-1.1", "-0.1-0.5", "0-1:keep",
                                 "0-1:", "0 -1", "nan-1", "0-inf", "0-0.5:reuse:reuse", "0-0.5x"})
    EXPECT_ERROR(ask({{"guidance_interval", text}}), ErrorKind::usage, "shares of the steps from 0 to 1");
  EXPECT_ERROR(ask({{"guidance_interval", 0.5}}), ErrorKind::usage, "--guidance-interval");
}

TEST(LeverOptions, LoraChoicesReadBack) {
  const auto read = [](const std::string& text) { return parse_lora_choice(text).value(); };
  EXPECT_EQ(read("a.safetensors"), (LoraChoice{"a.safetensors", 1.0, ""}));
  EXPECT_EQ(read("a.safetensors:0.8"), (LoraChoice{"a.safetensors", 0.8, ""}));
  EXPECT_EQ(read("a.safetensors@high"), (LoraChoice{"a.safetensors", 1.0, "high"}));
  EXPECT_EQ(read("d/a.safetensors:-1.5@low"), (LoraChoice{"d/a.safetensors", -1.5, "low"}));
  EXPECT_EQ(read("C:a.safetensors"), (LoraChoice{"C:a.safetensors", 1.0, ""}));
  EXPECT_EQ(read("a@high@low"), (LoraChoice{"a@high", 1.0, "low"}));
  for (const LoraChoice& choice : {LoraChoice{"a:2", 1.0, ""}, {"a@high", 0.1, "low"}, {"b", 1e-6, "high"}})
    EXPECT_EQ(read(to_string(choice)), choice);
}

TEST(LeverOptions, SeveralLoraFilesAsTextOrList) {
  const std::vector<LoraChoice> two = {{"a", 0.5, "high"}, {"b", 1.0, "low"}};
  EXPECT_EQ(ask({{"lora", "a:0.5@high,b@low"}}).lora, two);
  EXPECT_EQ(ask({{"lora", {"a:0.5@high", "b@low"}}}).lora, two);
  EXPECT_EQ(ask({{"lora", {"a,b"}}}).lora, (std::vector<LoraChoice>{{"a,b", 1.0, ""}}));
  EXPECT_EQ(ask(to_json(ask({{"lora", "a:0.5@high,b@low"}}))).lora, two);
  for (const Json& value :
       {Json(""), Json("a,"), Json(",a"), Json("a:101"), Json("@high"), Json(":1"), Json(3), Json({1})})
    EXPECT_ERROR(ask({{"lora", value}}), ErrorKind::usage, "FILE[:STRENGTH][@high|@low]");
}

class LeverPlan : public testing::Test {
 protected:
  families::ModelSpec one = open_model(kGolden / "wan21-tiny"), two = open_model(kGolden / "a14b-tiny");
  static Plan plan(const families::ModelSpec& spec, const Json& options) {
    Json all = {{"prompt", "a"}, {"size", "32x48"}, {"frames", 5}, {"steps", 24}, {"guidance", 3}, {"seed", 1}};
    if (options.is_object()) all.update(options);
    return make_plan(ask(all), spec, {.cpu = "test", .bf16_reason = "none", .threads = 2, .memory = int64_t{8} << 30});
  }
};

TEST_F(LeverPlan, AreOffByDefault) {
  const Plan plain = plan(one, {});
  EXPECT_EQ(plain.sampling.step_cache, 0.0);
  EXPECT_EQ(plain.sampling.guidance.first_step, 0u);
  EXPECT_GE(plain.sampling.guidance.end_step, 24u);
  EXPECT_TRUE(plain.loras.empty());
  for (const char* option : {"step-cache", "guidance-interval", "lora"})
    EXPECT_FALSE(to_json(plain, one)["settings"].contains(option)) << option;
}

TEST_F(LeverPlan, SharesBecomeWholeSteps) {
  const diffusion::Guidance guidance = plan(one, {{"guidance_interval", "0.1-0.52:reuse"}}).sampling.guidance;
  EXPECT_EQ(guidance.first_step, 2u);  // 2.4
  EXPECT_EQ(guidance.end_step, 12u);   // 12.48
  EXPECT_TRUE(guidance.keeps_difference);
}

TEST_F(LeverPlan, PredictsTheStepsWithoutGuidanceAtHalf) {
  const auto seconds = [&](const Json& options) {
    Plan planned = plan(one, options);
    predict_seconds(planned, {.fp32 = 1e9});
    return planned.stages.at(1).seconds;
  };
  EXPECT_DOUBLE_EQ(seconds({{"guidance_interval", "0-0.5"}}), 0.75 * seconds({}));
  EXPECT_DOUBLE_EQ(seconds({{"guidance", 1}}), 0.5 * seconds({}));
}

TEST_F(LeverPlan, PredictsOnePassForTheTextOfEachExpertThatWorks) {
  const auto more = [](Plan planned) {
    predict_seconds(planned, {.fp32 = 1e9});
    const double before = planned.stages.at(1).seconds;
    planned.denoise_blocks.copy_seconds = 3;
    planned.denoise_blocks.text_seconds = 2;
    predict_seconds(planned, {.fp32 = 1e9});
    return planned.stages.at(1).seconds - before - 3.0 * static_cast<double>(planned.sampling.schedule.steps());
  };
  EXPECT_NEAR(more(plan(one, {})), 2.0, 1e-6);
  EXPECT_NEAR(more(plan(two, {})), 4.0, 1e-6);
}

TEST_F(LeverPlan, RefusesWhatCannotWork) {
  EXPECT_ERROR(plan(one, {{"guidance_interval", "0-0.5"}, {"guidance", 1}}), ErrorKind::usage, "--guidance is 1");
  EXPECT_ERROR(plan(one, {{"guidance_interval", "0-0.01"}}), ErrorKind::usage,
               "--guidance-interval 0-0.01 leaves none of 24 steps with guidance; one step is a share of 0.042");
  EXPECT_ERROR(plan(one, {{"step_cache", 0.1}, {"steps", 3}}), ErrorKind::usage, "nothing to save in 3 steps");
  EXPECT_ERROR(ask({{"step_cache", -1}}), ErrorKind::usage, "--step-cache");
  EXPECT_ERROR(plan(one, {{"lora", "/nonexistent"}}), ErrorKind::input, "--lora: cannot open /nonexistent");
  EXPECT_ERROR(plan(one, {{"lora", lora_file("peft") + "@high"}}), ErrorKind::usage, "this one has one");
}

// Before anything is loaded, and of the expert that it is for.
TEST_F(LeverPlan, RefusesLoraFilesThatDoNotFitTheModel) {
  EXPECT_ERROR(plan(one, {{"lora", (kGolden / "lora/golden.safetensors").string()}}), ErrorKind::unsupported,
               "are not those of a LoRA");
  EXPECT_ERROR(plan(two, {{"lora", lora_file("peft")}}), ErrorKind::input, "which do not multiply to");
  EXPECT_NO_THROW(plan(two, {{"lora", lora_file("pair-high") + "@high," + lora_file("pair-low") + "@low"}}));
}

TEST_F(LeverPlan, EachExpertGetsItsOwnFiles) {
  const Plan planned = plan(
      two, {{"lora",
             {lora_file("pair-high") + ":0.5@high", lora_file("pair-low") + "@low", lora_file("pair-low") + ":0.25"}}});
  const families::Adapter high{lora_file("pair-high"), 0.5}, low{lora_file("pair-low"), 1.0},
      both{lora_file("pair-low"), 0.25};
  EXPECT_EQ(adapters_for(planned.loras, diffusion::Expert::high_noise), (std::vector{high, both}));
  EXPECT_EQ(adapters_for(planned.loras, diffusion::Expert::low_noise), (std::vector{low, both}));
}

TEST_F(LeverPlan, AModelDirectoryNamesNoFiles) {
  const test::TempDir dir;
  std::filesystem::copy(kGolden / "wan21-tiny", dir.path(), std::filesystem::copy_options::recursive);
  dir.write("soragen.json", R"({"defaults":{"lora":"/etc/passwd"}})");
  EXPECT_ERROR(directory_defaults(open_model(dir.path())), ErrorKind::input, "a model directory may not");
  dir.write("soragen.json", R"({"defaults":{"step_cache":0.1,"guidance_interval":"0-0.5"}})");
  EXPECT_EQ(directory_defaults(open_model(dir.path())).step_cache, 0.1);
}

TEST_F(LeverPlan, TheRecordNamesFilesHashesAndStrengths) {
  const Plan planned = plan(two, {{"lora", lora_file("pair-high") + ":0.9@high," + lora_file("pair-low") + "@low"},
                                  {"step_cache", 0.05},
                                  {"guidance_interval", "0-0.5:reuse"}});
  const Json record = make_record(planned, two, Json::object());
  EXPECT_EQ(record["loras"][0], Json({{"file", "pair-high.safetensors"},
                                      {"sha256", sha256_file(lora_file("pair-high"))},
                                      {"strength", 0.9},
                                      {"expert", "high"}}));
  EXPECT_EQ(record["loras"][1]["expert"], "low");
  EXPECT_EQ(record["settings"]["lora"], Json({"pair-high.safetensors:0.9@high", "pair-low.safetensors:1@low"}));
  EXPECT_EQ(record["settings"]["step-cache"], 0.05);
  EXPECT_EQ(record["settings"]["guidance-interval"], "0-0.5:reuse");
  EXPECT_THAT(record.dump(), testing::Not(testing::HasSubstr(kGolden.string())));
}

TEST_F(LeverPlan, ARecordsLoraFilesReadBack) {
  const Plan planned = plan(two, {{"lora", lora_file("pair-high") + ":0.9@high"}});
  const Json record = make_record(planned, two, Json::object());
  const auto loras = recorded_loras(record, "film");
  ASSERT_EQ(loras.size(), 1u);
  EXPECT_EQ(loras[0].choice, (LoraChoice{"pair-high.safetensors", 0.9, "high"}));
  EXPECT_EQ(loras[0].sha256, planned.loras[0].sha256);
  EXPECT_TRUE(recorded_loras(Json::object(), "film").empty());
  EXPECT_ERROR(recorded_loras({{"loras", 3}}, "film"), ErrorKind::input, "film: loras: expected a list");
  EXPECT_ERROR(recorded_loras({{"loras", {{{"file", 3}}}}}, "film"), ErrorKind::input, "film: loras");
}

// A loaded model serves the next film only with the same LoRA files.
TEST_F(LeverPlan, AnotherLoraLoadsTheModelAnew) {
  Generator generator(one, /*keep_loaded=*/true);
  const auto film = [&](Generator& with, const Json& options) { return with.denoise(plan(one, options), {}); };
  const Json plain = {{"size", "48x32"}, {"steps", 2}};
  Json changed = plain;
  changed["lora"] = lora_file("peft");
  const at::Tensor first = film(generator, plain), second = film(generator, changed);
  EXPECT_GT(test::relative_difference(second, first), 1e-2);
  Generator fresh(one, /*keep_loaded=*/true);
  EXPECT_TRUE(film(fresh, changed).equal(second));
  EXPECT_TRUE(film(generator, plain).equal(first));
}

}  // namespace
}  // namespace soragen::pipeline
