// Options, profiles, limits: what is decided before anything is loaded.
#include "pipeline/plan.h"

#include <gtest/gtest.h>

#include <fstream>

#include "pipeline/generator.h"
#include "pipeline/latents.h"
#include "pipeline/options.h"
#include "pipeline/profile.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>

namespace soragen::pipeline {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(SORAGEN_SOURCE_DIR) / "tests/golden";

Hardware machine(int64_t memory = int64_t{8} << 30, bool bf16 = false) {
  return {.cpu = "test", .has_fast_bf16 = bf16, .bf16_reason = "no avx512_bf16", .threads = 2, .memory = memory};
}

Request ask(const Json& options) { return parse_request(options, "request"); }

TEST(Options, ParseTextAndJsonAlike) {
  EXPECT_EQ(ask({{"steps", "12"}}).steps, 12);
  EXPECT_EQ(ask({{"steps", 12}}).steps, 12);
  EXPECT_EQ(ask({{"negative_prompt", "x"}}).negative_prompt, "x");
  EXPECT_EQ(ask({{"size", "832x480"}}).size, (Size{832, 480}));
  EXPECT_EQ(ask({{"memory", "16G"}}).memory, int64_t{16} << 30);
  EXPECT_EQ(ask({{"fps", 23.976}}).fps, (Rational{2997, 125}));
  EXPECT_EQ(to_json(ask({{"size", "64x32"}, {"fps", "30000/1001"}})), Json({{"size", "64x32"}, {"fps", "30000/1001"}}));
}

TEST(Options, RefuseWithTheNearestName) {
  EXPECT_ERROR(ask({{"stpes", 3}}), ErrorKind::usage, "did you mean 'steps'?");
  EXPECT_ERROR(ask(Json::array()), ErrorKind::usage, "expected a JSON object");
}

TEST(Options, RefuseZeroNegativeAndAbsurdNumbers) {
  for (const Json& value : {Json(0), Json(-1), Json(1.5), Json("1e9"), Json("12x"), Json(""), Json(true), Json(1e30),
                            Json("99999999999999999999")})
    EXPECT_ERROR(ask({{"steps", value}}), ErrorKind::usage, "--steps");
  for (const Json& value : {Json("nan"), Json("inf"), Json(-0.5), Json(101)})
    EXPECT_ERROR(ask({{"guidance", value}}), ErrorKind::usage, "--guidance");
  for (const Json& value : {Json("64"), Json("0x64"), Json("64x-32"), Json("99999x64"), Json("64x64x64"), Json(64)})
    EXPECT_ERROR(ask({{"size", value}}), ErrorKind::usage, "--size");
  for (const Json& value : {Json(-1), Json("-1"), Json("18446744073709551616"), Json(0.5)})
    EXPECT_ERROR(ask({{"seed", value}}), ErrorKind::usage, "--seed");
  EXPECT_ERROR(ask({{"solver", "ddim"}}), ErrorKind::usage, "one of unipc, euler");
  EXPECT_ERROR(ask({{"memory", "16T"}}), ErrorKind::usage, "--memory");
  EXPECT_ERROR(ask({{"memory", "9999999999999999G"}}), ErrorKind::usage, "--memory");
  EXPECT_ERROR(ask({{"prompt", 3}}), ErrorKind::usage, "--prompt");
}

TEST(Merge, StepsAndTimestepsReplaceEachOther) {
  const Request list = ask({{"timesteps", {1000, 500}}}), steps = ask({{"steps", 8}});
  EXPECT_FALSE(merge(list, steps).timesteps);
  EXPECT_FALSE(merge(steps, list).steps);
}

class PlanTest : public testing::Test {
 protected:
  families::ModelSpec spec = open_model(kGolden / "wan21-tiny");
  Plan plan(const Json& options, const Hardware& hardware = machine()) {
    const Json defaults = {{"prompt", "a"}, {"size", "64x64"}, {"frames", 5}, {"steps", 2}};
    Json all = defaults;
    if (options.is_object()) all.update(options);
    return make_plan(ask(all), spec, hardware);
  }
};

TEST_F(PlanTest, RefusesSizesWithTheNearest) {
  EXPECT_ERROR(plan({{"size", "830x64"}}), ErrorKind::usage,
               "width 830 is not a multiple of 16, which this model needs; nearest: 816 or 832");
  EXPECT_ERROR(plan({{"size", "64x8"}}), ErrorKind::usage,
               "height 8 is not a multiple of 16, which this model needs; nearest: 16");
  EXPECT_ERROR(plan({{"frames", 6}}), ErrorKind::usage, "nearest: 5 or 9");
  EXPECT_ERROR(plan({{"frames", 99'999}}), ErrorKind::usage, "frames");
  EXPECT_ERROR(plan({{"guidance_2", 3}}), ErrorKind::usage, "two experts");
}

TEST_F(PlanTest, ChoosesPrecisionByProcessor) {
  EXPECT_EQ(plan({}).denoise_target.dtype, at::kFloat);
  EXPECT_EQ(plan({}, machine(int64_t{8} << 30, true)).denoise_target.dtype, at::kBFloat16);
  EXPECT_EQ(plan({{"dtype", "fp32"}}, machine(int64_t{8} << 30, true)).denoise_target.dtype, at::kFloat);
  EXPECT_ERROR(plan({{"dtype", "bf16"}}), ErrorKind::unsupported, "no avx512_bf16");
  EXPECT_ERROR(plan({{"device", "cuda"}}), ErrorKind::unsupported, "--device cuda: ");
}

TEST_F(PlanTest, FitsDecodingIntoMemoryOrSaysWhatItNeeds) {
  const Json film = {{"size", "1024x1024"}};
  const auto decode_with = [&](const char* memory) {
    Json options = film;
    options["memory"] = memory;
    return plan(options).decode;
  };
  EXPECT_GT(decode_with("8G").latent_frames, 1);
  EXPECT_EQ(decode_with("8G").tile, 0);
  EXPECT_GT(decode_with("200M").tile, 0);
  EXPECT_ERROR(decode_with("1M"), ErrorKind::resource, "may be used");
}

TEST_F(PlanTest, RefusesTextThatIsNotUtf8) { EXPECT_ERROR(plan({{"prompt", "a\xff"}}), ErrorKind::input, "UTF-8"); }

TEST_F(PlanTest, SaysThatANegativePromptNeedsGuidance) {
  const auto warnings = [&](const Json& options) { return plan(options).warnings; };
  ASSERT_EQ(warnings({{"negative_prompt", "dull"}, {"guidance", 1}}).size(), 1U);
  EXPECT_NE(warnings({{"negative_prompt", "dull"}, {"guidance", 1}}).front().find("--guidance is 1"),
            std::string::npos);
  EXPECT_TRUE(warnings({{"negative_prompt", "dull"}, {"guidance", 2}}).empty());
  EXPECT_TRUE(warnings({{"negative_prompt", ""}, {"guidance", 1}}).empty());
  EXPECT_TRUE(warnings({{"guidance", 1}}).empty());
}

TEST_F(PlanTest, ResolvedSettingsAskForTheSamePlan) {
  const Plan first = plan({{"shift", 3}, {"guidance", 2.5}, {"seed", 7}});
  const Json settings = to_json(first, spec)["settings"];
  EXPECT_EQ(to_json(make_plan(ask(settings), spec, machine()), spec)["settings"], settings);
}

TEST(Profiles, OfficialDirectoriesGetTheirQualitySettings) {
  families::ModelSpec spec = open_model(kGolden / "a14b-tiny");
  EXPECT_EQ(profile_for(spec).name, "");
  spec.facts["transformer"]["num_layers"] = 40;
  spec.facts["transformer"]["in_channels"] = 16;
  const Profile profile = profile_for(spec);
  EXPECT_EQ(profile.name, "wan2.2-t2v-a14b");
  EXPECT_EQ(profile.defaults.shift, 12.0);
  EXPECT_EQ(profile.defaults.guidance_2, 3.0);
}

TEST(Profiles, TheDirectorysOwnFileComesBeforePresetsAndFlags) {
  const test::TempDir dir;
  std::filesystem::copy(kGolden / "wan21-tiny", dir.path(), std::filesystem::copy_options::recursive);
  dir.write("soragen.json", R"({"defaults":{"size":"32x32","frames":5,"steps":40,"fps":12}})");
  const families::ModelSpec spec = open_model(dir.path());
  EXPECT_EQ(resolve({}, spec).request.steps, 40);
  EXPECT_EQ(resolve(ask({{"preset", "draft"}}), spec).request.steps, 15);
  EXPECT_EQ(resolve(ask({{"preset", "draft"}, {"steps", 3}}), spec).request.steps, 3);
  dir.write("soragen.json", R"({"defaults":{"stesp":40}})");
  EXPECT_ERROR(resolve({}, spec), ErrorKind::usage, "did you mean 'steps'?");
  dir.write("soragen.json", R"({"defaults":[]})");
  EXPECT_ERROR(resolve({}, spec), ErrorKind::usage, "expected a JSON object");
}

// A copy of a golden directory with one JSON file changed.
void open_changed(const std::string& file, const std::function<void(Json&)>& change) {
  const test::TempDir dir;
  std::filesystem::copy(kGolden / "wan21-tiny", dir.path(), std::filesystem::copy_options::recursive);
  Json json = read_json_file(dir / file);
  change(json);
  std::ofstream(dir / file) << json;
  open_model(dir.path());
}

TEST(Models, WrongDirectoriesAreRefused) {
  EXPECT_ERROR(open_model("/nonexistent"), ErrorKind::input, "does not exist");
  EXPECT_ERROR(open_model(kGolden), ErrorKind::input, "model_index.json is missing");
  const std::string index = "model_index.json", dit = "transformer/config.json", vae = "vae/config.json";
  EXPECT_ERROR(open_changed(index, [](Json& j) { j["_class_name"] = "WanImageToVideoPipeline"; }),
               ErrorKind::unsupported, "WanImageToVideoPipeline");
  EXPECT_ERROR(open_changed(index,
                            [](Json& j) {
                              j["vae"] = {nullptr, nullptr};
                            }),
               ErrorKind::input, "component \"vae\" is missing");
  EXPECT_ERROR(open_changed(index, [](Json& j) { j["text_encoder"][1] = "CLIPTextModel"; }), ErrorKind::unsupported,
               "CLIPTextModel");
  EXPECT_ERROR(open_changed(dit, [](Json& j) { j["num_layers"] = "two"; }), ErrorKind::input, "num_layers");
  EXPECT_ERROR(open_changed(dit, [](Json& j) { j["num_layers"] = 1'000'000'000; }), ErrorKind::input, "num_layers");
  EXPECT_ERROR(open_changed(dit, [](Json& j) { j["image_dim"] = 1280; }), ErrorKind::unsupported, "image");
  EXPECT_ERROR(open_changed(dit, [](Json& j) { j["patch_size"] = {1, 2}; }), ErrorKind::input, "patch_size");
  EXPECT_ERROR(open_changed(vae, [](Json& j) { j["z_dim"] = 3; }), ErrorKind::input, "z_dim");
  EXPECT_ERROR(open_changed(vae, [](Json& j) { j["scale_factor_spatial"] = 16; }), ErrorKind::input, "scale by 8");
  EXPECT_ERROR(open_changed(vae, [](Json& j) { j["latents_std"] = {0}; }), ErrorKind::input, "latents_std");
}

TEST(LatentFiles, ReadBackAndRefuseOthers) {
  const test::TempDir dir;
  const at::Tensor values = at::randn({2, 3, 4, 5});
  save_latents(dir / "a.safetensors", {values, {{"k", "v"}}});
  const Latents read = read_latents(dir / "a.safetensors");
  EXPECT_TRUE(read.values.equal(values));
  EXPECT_EQ(read.record["k"], "v");
  save_latents(dir / "nan.safetensors", {at::full({1, 1, 1, 1}, std::nan("")), Json::object()});
  EXPECT_ERROR(read_latents(dir / "nan.safetensors"), ErrorKind::input, "NaN or infinity");
  EXPECT_ERROR(read_latents(kGolden / "wan21-tiny/vae/diffusion_pytorch_model.safetensors"), ErrorKind::input,
               "not a latent file");
  dir.write("text.safetensors", "no latents here");
  EXPECT_ERROR(read_latents(dir / "text.safetensors"), ErrorKind::input, "text.safetensors");
}

}  // namespace
}  // namespace soragen::pipeline
