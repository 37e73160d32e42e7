#include "text/t5.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <limits>

#include "core/cancellation.h"
#include "corpus.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::text {
namespace {

namespace fs = std::filesystem;
using test::kGoldenText;
using test::TempDir;

const nn::Target kFloat32{at::kFloat, at::kCPU};
const nn::Target kBFloat16{at::kBFloat16, at::kCPU};

// Prompts and the float64 model's states, and how far transformers itself is from them in float32 and bfloat16.
struct Golden {
  std::string folder;
  std::vector<Tokens> prompts;
  std::vector<at::Tensor> states;  // float64
  double error_float32 = 0, error_bfloat16 = 0;
};

Golden read_golden(const std::string& name) {
  Golden golden{.folder = kGoldenText + "/" + name};
  const auto file = weights::read_safetensors(golden.folder + "/reference.safetensors");
  for (int i = 0; file.tensors.contains("ids_" + std::to_string(i)); ++i) {
    const auto& ids = file.tensors.at("ids_" + std::to_string(i));
    Tokens& tokens = golden.prompts.emplace_back();
    tokens.ids.resize(ids.shape[0]);
    std::memcpy(tokens.ids.data(), ids.bytes.data(), ids.bytes.size());
    golden.states.push_back(nn::to_tensor(file.tensors.at("states_" + std::to_string(i)), {at::kDouble, at::kCPU}));
  }
  const Json errors = Json::parse(file.metadata.at("errors"));
  golden.error_float32 = errors.at("float32");
  golden.error_bfloat16 = errors.at("bfloat16");
  return golden;
}

double largest_error(const std::vector<TextEmbedding>& embeddings, const Golden& golden) {
  double largest = 0;
  for (size_t i = 0; i < embeddings.size(); ++i) {
    const at::Tensor states = embeddings[i].states.to(at::kDouble);
    EXPECT_EQ(states.sizes(), golden.states[i].sizes());
    largest = std::max(largest, at::abs(states - golden.states[i]).max().item<double>());
  }
  return largest;
}

class T5Golden : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Families, T5Golden, testing::Values("umt5", "umt5_fp16", "t5_gated", "t5_relu"),
                         [](const auto& info) { return std::string(info.param); });

// The tolerance is twice the error that the reference makes in the same precision.
TEST_P(T5Golden, EqualsTransformersInFloat32) {
  const Golden golden = read_golden(GetParam());
  ASSERT_EQ(golden.prompts.size(), 4u);
  const T5Encoder encoder(golden.folder, kFloat32, /*stream_layers=*/false);
  const double error = largest_error(encoder.encode(golden.prompts), golden);
  RecordProperty("error", std::to_string(error / golden.error_float32));
  EXPECT_LE(error, 2 * golden.error_float32);
}

TEST_P(T5Golden, EqualsTransformersInBFloat16) {
  const Golden golden = read_golden(GetParam());
  const T5Encoder encoder(golden.folder, kBFloat16, /*stream_layers=*/false);
  const auto embeddings = encoder.encode(golden.prompts);
  EXPECT_EQ(embeddings[0].states.scalar_type(), at::kBFloat16);
  EXPECT_LE(largest_error(embeddings, golden), 2 * golden.error_bfloat16);
}

TEST_P(T5Golden, StreamedAloneAndBatchedAreTheSameBits) {
  const Golden golden = read_golden(GetParam());
  const T5Encoder resident(golden.folder, kFloat32, /*stream_layers=*/false);
  const T5Encoder streamed(golden.folder, kFloat32, /*stream_layers=*/true);
  const auto batch = resident.encode(golden.prompts);
  const auto streamed_batch = streamed.encode(golden.prompts);
  const auto again = streamed.encode(golden.prompts);
  for (size_t i = 0; i < golden.prompts.size(); ++i) {
    EXPECT_TRUE(at::equal(batch[i].states, streamed_batch[i].states));
    EXPECT_TRUE(at::equal(batch[i].states, again[i].states));
    EXPECT_TRUE(at::equal(batch[i].states, resident.encode({golden.prompts[i]})[0].states));
  }
}

TEST(T5, ReportsProgressAndStopsWhenAsked) {
  const Golden golden = read_golden("umt5");
  const T5Encoder encoder(golden.folder, kFloat32, /*stream_layers=*/true);
  std::vector<int> done;
  EXPECT_ERROR(encoder.encode(golden.prompts,
                              [&done](int layers, int total) {
                                EXPECT_EQ(total, 3);
                                done.push_back(layers);
                                if (layers == 2) request_cancellation();
                              }),
               ErrorKind::interrupted, "interrupted");
  reset_cancellation();
  EXPECT_EQ(done, (std::vector<int>{1, 2}));
}

TEST(T5, NoPromptsNoEmbeddings) { EXPECT_TRUE(T5Encoder(kGoldenText + "/umt5", kFloat32, true).encode({}).empty()); }

TEST(T5, BucketsAreExactNearAndLogarithmicFar) {
  const at::Tensor buckets = relative_position_buckets(300, 32, 128);
  const auto at = [&buckets](int64_t query, int64_t key) { return buckets[query][key].item<int64_t>(); };
  EXPECT_EQ(at(5, 5), 0);
  EXPECT_EQ(at(5, 4), 1);
  EXPECT_EQ(at(5, 6), 17);
  EXPECT_EQ(at(7, 0), 7);
  EXPECT_EQ(at(0, 8), 16 + 8);
  EXPECT_EQ(at(0, 16), 16 + 10);  // log(2) / log(16) * 8 = 2: a border
  EXPECT_EQ(at(0, 127), 16 + 15);
  EXPECT_EQ(at(299, 0), 15);
}

TEST(T5, RefusesIdsOutsideTheVocabulary) {
  const T5Encoder encoder(kGoldenText + "/umt5", kFloat32, false);
  Tokens tokens;
  tokens.ids = {200};
  EXPECT_ERROR(encoder.encode({tokens}), ErrorKind::input, "token id 200");
}

TEST(T5, RefusesFloat16) {
  EXPECT_ERROR(T5Encoder(kGoldenText + "/umt5", nn::Target{at::kHalf, at::kCPU}, true), ErrorKind::unsupported,
               "float16");
}

Json umt5_config() { return read_json_file(kGoldenText + "/umt5/config.json"); }

// The umt5 folder with another config, in both modes.
void refuse(const Json& config, ErrorKind kind, const std::string& reason) {
  for (const bool stream : {false, true}) {
    const TempDir folder;
    fs::copy(kGoldenText + "/umt5/model.safetensors", folder / "model.safetensors");
    folder.write("config.json", config.dump());
    EXPECT_ERROR(T5Encoder(folder.path(), kFloat32, stream), kind, reason);
  }
}

TEST(T5Files, WrongConfigsAreRefused) {
  const auto changed = [](const std::string& key, const Json& value) {
    Json config = umt5_config();
    config[key] = value;
    return config;
  };
  refuse(Json::array(), ErrorKind::input, "expected a JSON object");
  refuse(changed("model_type", "bert"), ErrorKind::unsupported, "\"bert\"");
  refuse(changed("feed_forward_proj", "gated-silu"), ErrorKind::unsupported, "gated-silu");
  refuse(changed("d_model", "32"), ErrorKind::input, "d_model");
  refuse(changed("d_model", 0), ErrorKind::input, "d_model");
  refuse(changed("num_heads", 3.5), ErrorKind::input, "num_heads");
  refuse(changed("num_layers", 1e9), ErrorKind::input, "num_layers");
  refuse(changed("relative_attention_num_buckets", 30), ErrorKind::input, "multiple");
  refuse(changed("relative_attention_max_distance", 8), ErrorKind::input, "above a quarter");
  refuse(changed("layer_norm_epsilon", -1), ErrorKind::input, "layer_norm_epsilon");
  Json no_width = umt5_config();
  no_width.erase("d_kv");
  refuse(no_width, ErrorKind::input, "d_kv");
}

TEST(T5Files, WeightsThatTheConfigDoesNotDescribeAreRefused) {
  Json config = umt5_config();
  config["num_layers"] = 4;
  refuse(config, ErrorKind::input, "encoder.block.3.layer.0.SelfAttention.q.weight");  // missing
  config["num_layers"] = 2;
  refuse(config, ErrorKind::input, "encoder.block.2.layer.0.SelfAttention.q.weight");  // unused
  config = umt5_config();
  config["d_ff"] = 65;
  refuse(config, ErrorKind::input, "[65, 32]");
  config = umt5_config();
  config["model_type"] = "t5";  // T5 has no bias in the second layer
  refuse(config, ErrorKind::input, "encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight");
}

TEST(T5Files, MissingFilesAreNamed) {
  const TempDir folder;
  EXPECT_ERROR(T5Encoder(folder.path(), kFloat32, true), ErrorKind::input, "config.json");
  folder.write("config.json", umt5_config().dump());
  EXPECT_ERROR(T5Encoder(folder.path(), kFloat32, true), ErrorKind::input, "model.safetensors");
}

}  // namespace
}  // namespace soragen::text
