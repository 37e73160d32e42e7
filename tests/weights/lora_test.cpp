#include "weights/lora.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <list>

#include "core/json.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::weights {
namespace {

using test::TempDir;

// A file in memory: every tensor of these shapes, filled with float32 of one value.
class File {
 public:
  File& with(const std::string& name, std::vector<int64_t> shape, float value = 1) {
    int64_t count = 1;
    for (const int64_t extent : shape) count *= extent;
    std::vector<float>& values = storage_.emplace_back(static_cast<size_t>(count), value);
    file_.tensors[name] = {.dtype = DType::f32, .shape = std::move(shape), .bytes = std::as_bytes(std::span(values))};
    return *this;
  }
  File& with_bytes(const std::string& name, DType dtype, std::vector<uint8_t> bytes, std::vector<int64_t> shape = {}) {
    std::vector<float>& values = storage_.emplace_back(2, 0.0f);
    std::memcpy(values.data(), bytes.data(), bytes.size());
    file_.tensors[name] = {
        .dtype = dtype, .shape = std::move(shape), .bytes = std::as_bytes(std::span(values)).first(bytes.size())};
    return *this;
  }
  File& with_metadata(const std::string& json) {
    file_.metadata["lora_adapter_metadata"] = json;
    return *this;
  }
  Lora parse() const { return parse_lora(file_, "test.safetensors"); }
  double scale() const { return parse().terms.at(0).delta.scale; }

 private:
  std::list<std::vector<float>> storage_;
  Safetensors file_;
};

File pair(const std::string& down, const std::string& up, int64_t rank = 4) {
  return File().with(down, {rank, 8}).with(up, {16, rank});
}

TEST(Lora, BothSpellingsUnderEveryPrefix) {
  for (const auto& [down, up, target] : {
           std::tuple{"transformer.a.b.lora_A.weight", "transformer.a.b.lora_B.weight", "a.b.weight"},
           {"diffusion_model.a.b.lora_down.weight", "diffusion_model.a.b.lora_up.weight", "a.b.weight"},
           {"a.b.lora_A.default.weight", "a.b.lora_B.default.weight", "a.b.weight"},
           {"lora_unet_a_b.lora_down.weight", "lora_unet_a_b.lora_up.weight", "a_b.weight"},
       }) {
    const Lora lora = pair(down, up).parse();
    ASSERT_EQ(lora.terms.size(), 1u);
    EXPECT_EQ(lora.terms[0].target, target);
    EXPECT_EQ(lora.terms[0].delta.down.shape, (std::vector<int64_t>{4, 8}));
    EXPECT_EQ(lora.terms[0].delta.up.shape, (std::vector<int64_t>{16, 4}));
    EXPECT_EQ(lora.terms[0].delta.scale, 1.0);
  }
}

TEST(Lora, AlphaOverRankInEveryNumberType) {
  const auto scale = [](DType dtype, std::vector<uint8_t> bytes, std::vector<int64_t> shape = {}) {
    return pair("m.lora_down.weight", "m.lora_up.weight")
        .with_bytes("m.alpha", dtype, std::move(bytes), std::move(shape))
        .scale();
  };
  EXPECT_EQ(scale(DType::f32, {0, 0, 0x40, 0x40}), 0.75);  // 3
  EXPECT_EQ(scale(DType::f32, {0, 0, 0x40, 0x40}, {1}), 0.75);
  EXPECT_EQ(scale(DType::bf16, {0x40, 0x40}), 0.75);
  EXPECT_EQ(scale(DType::f16, {0x00, 0x42}), 0.75);
  EXPECT_EQ(scale(DType::f16, {0x01, 0x00}), 0x1p-24 / 4);  // the smallest that there is
  EXPECT_EQ(scale(DType::f64, {0, 0, 0, 0, 0, 0, 0x08, 0x40}), 0.75);
  EXPECT_EQ(scale(DType::i64, {3, 0, 0, 0, 0, 0, 0, 0}), 0.75);
  EXPECT_EQ(scale(DType::i32, {3, 0, 0, 0}), 0.75);
  EXPECT_ERROR(scale(DType::f32, {0, 0, 0x80, 0x7f}), ErrorKind::input, "m.alpha: F32 of shape [] is not one finite");
  EXPECT_ERROR(scale(DType::f16, {0, 0, 0, 0}, {2}), ErrorKind::input, "not one finite number");
  EXPECT_ERROR(scale(DType::u8, {3}), ErrorKind::input, "not one finite number");
}

TEST(Lora, DiffusersMetadataSetsTheFactor) {
  const auto scale = [](const std::string& json) {
    return pair("transformer.b.to_q.lora_A.weight", "transformer.b.to_q.lora_B.weight").with_metadata(json).scale();
  };
  EXPECT_EQ(scale(R"({"transformer.lora_alpha": 8})"), 2.0);
  EXPECT_EQ(scale(R"({"transformer.lora_alpha": 8, "transformer.use_rslora": true})"), 4.0);
  EXPECT_EQ(scale(R"({"transformer.lora_alpha": 8, "transformer.alpha_pattern": {"to_q": 2}})"), 0.5);
  EXPECT_EQ(scale(R"({"transformer.lora_alpha": 8, "transformer.alpha_pattern": {"^b.to_q": 2}})"), 0.5);
  EXPECT_EQ(scale(R"({"transformer.lora_alpha": 8, "transformer.alpha_pattern": {"o_q": 2, "^to_q": 2}})"), 2.0);
  EXPECT_EQ(scale(R"({"other.lora_alpha": 8})"), 1.0);
  EXPECT_ERROR(scale(R"({"transformer.use_dora": true})"), ErrorKind::unsupported, "use_dora is set");
  EXPECT_ERROR(scale(R"({"transformer.lora_alpha": "8"})"), ErrorKind::input, "lora_alpha");
  EXPECT_ERROR(scale(R"({"transformer.lora_alpha": 1e308, "transformer.alpha_pattern": 3})"), ErrorKind::input,
               "alpha_pattern");
  EXPECT_ERROR(scale("{"), ErrorKind::input, "lora_adapter_metadata");
  EXPECT_ERROR(scale("[]"), ErrorKind::input, "lora_adapter_metadata");
}

TEST(Lora, WholeDifferencesGoToWeightBiasAndModulation) {
  const Lora lora = File()
                        .with("diffusion_model.m.diff", {2, 2})
                        .with("diffusion_model.m.diff_b", {2})
                        .with("diffusion_model.blocks.0.diff_m", {1, 6, 2})
                        .parse();
  std::vector<std::string> targets;
  for (const LoraTerm& term : lora.terms) {
    targets.push_back(term.target);
    EXPECT_FALSE(term.delta.is_pair());
    EXPECT_EQ(term.delta.scale, 1.0);
  }
  EXPECT_THAT(targets, testing::UnorderedElementsAre("m.weight", "m.bias", "blocks.0.modulation"));
}

// PEFT scales the bias of lora_B as it scales the product; a diff_b stands for itself.
TEST(Lora, BiasOfThePairIsScaledWithIt) {
  const Lora lora = pair("m.lora_A.weight", "m.lora_B.weight")
                        .with("m.lora_B.bias", {16})
                        .with("m.diff_b", {16})
                        .with("m.alpha", {}, 2)
                        .parse();
  for (const LoraTerm& term : lora.terms) EXPECT_EQ(term.delta.scale, term.key == "m.diff_b" ? 1.0 : 0.5) << term.key;
}

TEST(Lora, RefusesHalvesAndStrangers) {
  EXPECT_ERROR(File().parse(), ErrorKind::input, "holds no tensors");
  EXPECT_ERROR(File().with("m.lora_A.weight", {4, 8}).parse(), ErrorKind::input, "m.lora_A.weight is there without");
  EXPECT_ERROR(File().with("m.lora_up.weight", {4, 8}).parse(), ErrorKind::input, "m.lora_up.weight is there without");
  EXPECT_ERROR(File().with("m.alpha", {}).parse(), ErrorKind::input, "m.alpha is there without");
  EXPECT_ERROR(File().with("m.diff", {2}).with("m.lora_B.bias", {2}).parse(), ErrorKind::input, "lora_B.bias");
  EXPECT_ERROR(pair("m.lora_A.weight", "m.lora_B.weight").with("m.dora_scale", {16}).with("m.hada_w1_a", {1}).parse(),
               ErrorKind::unsupported, "2 of 4 keys are not those of a LoRA (m.dora_scale, m.hada_w1_a)");
  EXPECT_ERROR(File().with(".diff", {2}).parse(), ErrorKind::unsupported, "1 of 1 keys");
  EXPECT_ERROR(pair("m.lora_A.weight", "m.lora_B.weight").with("m.lora_down.weight", {4, 8}).parse(), ErrorKind::input,
               "say the same of one module");
  EXPECT_ERROR(pair("m.diff", "transformer.m.diff").parse(), ErrorKind::input, "say the same of one module");
  EXPECT_ERROR(pair("m.lora_A.weight", "m.lora_B.weight", 0).parse(), ErrorKind::input, "has no rank");
  EXPECT_ERROR(File().with("m.lora_A.weight", {}).with("m.lora_B.weight", {}).parse(), ErrorKind::input, "has no rank");
}

// A model of one linear layer and one convolution.
class LoraOnModel : public testing::Test {
 protected:
  LoraOnModel() {
    std::vector<float> values(64, 1.0f);
    const auto bytes = [&](size_t count) { return std::as_bytes(std::span(values)).first(count * sizeof(float)); };
    write_safetensors(dir / "model.safetensors",
                      {{"m.to_q.weight", DType::f32, {4, 2}, bytes(8)},
                       {"m.to_q.bias", DType::f32, {4}, bytes(4)},
                       {"patch.weight", DType::f32, {2, 3, 1, 2, 2}, bytes(24)}},
                      {});
    store = std::make_unique<WeightStore>(dir.path(), std::vector<std::string>{"model"});
  }
  void add(const File& file, double strength = 1.0) {
    add_lora(*store, file.parse(), strength,
             [](const std::string& name) { return name == "m.to_q.weight" ? "old.q.weight" : name; });
  }
  const std::vector<WeightDelta>& deltas(const std::string& name) const { return store->tensors().at(name).deltas; }
  TempDir dir;
  std::unique_ptr<WeightStore> store;
};

TEST_F(LoraOnModel, FindsTensorsUnderEveryName) {
  for (const char* module : {"m.to_q", "old.q", "lora_unet_m_to_q", "lora_unet_old_q"})
    add(File()
            .with(std::string(module) + ".lora_down.weight", {1, 2})
            .with(std::string(module) + ".lora_up.weight", {4, 1})
            .with(std::string(module) + ".alpha", {}, 3),
        0.5);
  ASSERT_EQ(deltas("m.to_q.weight").size(), 4u);
  for (const WeightDelta& delta : deltas("m.to_q.weight")) EXPECT_EQ(delta.scale, 1.5);
  add(File().with("patch.lora_A.weight", {5, 3, 1, 2, 2}).with("patch.lora_B.weight", {2, 5, 1, 1, 1}));
  EXPECT_EQ(deltas("patch.weight").size(), 1u);
}

TEST_F(LoraOnModel, RefusesKeysWithoutATensorAndAddsNothing) {
  File file;
  for (int i = 0; i < 10; ++i) file.with("gone." + std::to_string(i) + ".diff", {2});
  EXPECT_ERROR(add(file.with("m.to_q.diff", {4, 2})), ErrorKind::input,
               "test.safetensors: 10 of 11 keys match no tensor of");
  EXPECT_ERROR(add(file), ErrorKind::input, "(gone.0.diff, gone.1.diff");
  EXPECT_ERROR(add(file), ErrorKind::input, "gone.7.diff and 2 more)");
  EXPECT_TRUE(deltas("m.to_q.weight").empty());
}

TEST_F(LoraOnModel, RefusesShapesThatDoNotFit) {
  const auto low_rank = [](std::vector<int64_t> down, std::vector<int64_t> up) {
    return File().with("m.to_q.lora_A.weight", std::move(down)).with("m.to_q.lora_B.weight", std::move(up));
  };
  EXPECT_ERROR(add(low_rank({3, 2}, {4, 2})), ErrorKind::input,
               "m.to_q.lora_A.weight and its partner have shapes [3, 2] and [4, 2], which do not multiply to [4, 2]");
  EXPECT_ERROR(add(low_rank({3, 4}, {2, 3})), ErrorKind::input, "do not multiply");
  EXPECT_ERROR(add(low_rank({3, 2, 1}, {4, 3})), ErrorKind::input, "do not multiply");
  EXPECT_ERROR(add(low_rank({3}, {4, 3})), ErrorKind::input, "do not multiply");
  EXPECT_ERROR(add(low_rank({3, 2}, {})), ErrorKind::input, "do not multiply");
  EXPECT_ERROR(add(File().with("m.to_q.diff", {2, 4})), ErrorKind::input,
               "m.to_q.diff has shape [2, 4], the model's m.to_q.weight has [4, 2]");
  EXPECT_ERROR(add(File().with("m.to_q.diff_b", {})), ErrorKind::input, "has shape []");
  EXPECT_ERROR(add(low_rank({3, 2}, {4, 3}).with("m.to_q.diff_b", {3})), ErrorKind::input, "has shape [3]");
  EXPECT_TRUE(deltas("m.to_q.weight").empty());
}

TEST(Lora, FilesThatAreNoSafetensorsAreRefused) {
  const TempDir dir;
  dir.write("pickle.pt", "PK\x03\x04 nothing here");
  EXPECT_ERROR(read_lora(dir / "pickle.pt"), ErrorKind::input, "not safetensors");
  EXPECT_ERROR(read_lora(dir / "gone.safetensors"), ErrorKind::input, "cannot open");
}

}  // namespace
}  // namespace soragen::weights
