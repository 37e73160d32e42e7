// Placement in a card's or the processor's memory as pure functions.
#include "pipeline/memory_plan.h"

#include <gtest/gtest.h>

#include "pipeline/generator.h"
#include "pipeline/options.h"
#include "support/deep_model.h"
#include "support/expect_error.h"
#include "weights/store.h"

namespace soragen::pipeline {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(SORAGEN_SOURCE_DIR) / "tests/golden";
const nn::Target kFloats{at::kFloat}, kHalves{at::kBFloat16},
    kBytes{.dtype = at::kBFloat16, .weights = ops::WeightForm::int8};

TEST(BlockSizes, CountWhatTheFilesHold) {
  for (const char* component : {"transformer", "text_encoder", "vae"}) {
    const BlockSizes sizes = block_sizes(kGolden / "wan21-tiny" / component, kFloats);
    const weights::WeightStore store(kGolden / "wan21-tiny" / component, {"diffusion_pytorch_model", "model"});
    int64_t numbers = 0, first_block = 0;
    for (const auto& [name, tensor] : store.tensors()) {
      const auto count = static_cast<int64_t>(tensor.bytes.size() / weights::size_of(tensor.dtype));
      numbers += count;
      if (name.starts_with("blocks.0.") || name.starts_with("encoder.block.0.")) first_block += count;
    }
    EXPECT_EQ(sizes.total(), 4 * numbers) << component;  // all blocks of these are alike
    EXPECT_EQ(sizes.block, 4 * first_block) << component;
    EXPECT_EQ(block_sizes(kGolden / "wan21-tiny" / component, kHalves).total(), 2 * numbers) << component;
  }
  EXPECT_EQ(block_sizes(kGolden / "wan21-tiny/transformer", kHalves).count, 2);
  EXPECT_EQ(block_sizes(kGolden / "wan21-tiny/vae", kHalves).count, 0);
}

// By the names of its tensors in the file: the blocks' products at a byte a number and a scale of two for every group.
TEST(BlockSizes, CountBytesForProductsInInt8) {
  const std::filesystem::path component = kGolden / "wan21-tiny/transformer";
  const weights::WeightStore store(component, {"diffusion_pytorch_model"});
  int64_t bytes = 0;
  for (const auto& [name, tensor] : store.tensors()) {
    const auto count = static_cast<int64_t>(tensor.bytes.size() / weights::size_of(tensor.dtype));
    const bool is_product =
        name.starts_with("blocks.") && name.ends_with(".weight") && name.find("norm") == std::string::npos;
    const auto groups = [&] { return tensor.shape[1] % 128 == 0 ? tensor.shape[1] / 128 : 1; };
    bytes += is_product ? count + 2 * tensor.shape[0] * groups() : 2 * count;
  }
  EXPECT_EQ(block_sizes(component, kBytes).total(), bytes);
}

constexpr BlockSizes kTen{.count = 10, .block = 100, .outside = 50};

TEST(Placement, KeepsEverythingThatFits) {
  const auto placed = place_blocks(kTen, 30, 1080, 2, 1.0);
  ASSERT_TRUE(placed);
  EXPECT_EQ(placed->resident, 10);
  EXPECT_EQ(placed->streamed, 0);
  EXPECT_EQ(placed->weights, 1050);
  EXPECT_EQ(placed->copy_seconds, 0);
  EXPECT_EQ(placed->step_seconds(), 1.0);
}

TEST(Placement, CopiesAsFewBlocksAsItMust) {
  const auto placed = place_blocks(kTen, 30, 1079, 2, 1.0);  // one byte short: two buffers take two places
  ASSERT_TRUE(placed);
  EXPECT_EQ(placed->resident, 7);
  EXPECT_EQ(placed->streamed, 3);
  EXPECT_EQ(placed->weights, 950);
  EXPECT_DOUBLE_EQ(placed->copy_seconds, 2 * 3 * 100 / kAssumedCopyRate);
  EXPECT_DOUBLE_EQ(placed->text_seconds, 3 * 100 / kAssumedCopyRate);
  const auto least = place_blocks(kTen, 30, 280, 1, 0);
  ASSERT_TRUE(least);
  EXPECT_EQ(least->resident, 0);
  EXPECT_EQ(least->streamed, 10);
  EXPECT_FALSE(place_blocks(kTen, 30, 279, 1, 0));
  EXPECT_FALSE(place_blocks(kTen, 30, 10, 1, 0));  // less than the activations
}

TEST(Placement, NeverExceedsTheBudget) {
  for (int64_t budget = 0; budget < 1200; ++budget)
    if (const auto placed = place_blocks(kTen, 30, budget, 1, 0)) {
      EXPECT_LE(placed->weights + 30, budget);
      EXPECT_EQ(placed->resident + placed->streamed, 10);
    }
}

TEST(Placement, CopiesHideBehindLongerProducts) {
  const BlockSizes sizes{.count = 10, .block = static_cast<int64_t>(kAssumedCopyRate), .outside = 0};  // a second each
  const int64_t room_for_six = 6 * sizes.block;
  const auto behind = place_blocks(sizes, 0, room_for_six, 1, 7.0),
             before = place_blocks(sizes, 0, room_for_six, 1, 5.0);
  EXPECT_EQ(behind->copy_seconds, 6.0);
  EXPECT_TRUE(behind->is_hidden());
  EXPECT_EQ(behind->step_seconds(), 7.0);
  EXPECT_FALSE(before->is_hidden());
  EXPECT_EQ(before->step_seconds(), 6.0);
}

TEST(Placement, NothingHidesReadingFromTheFile) {
  auto placed = place_blocks(kTen, 0, 500, 2, 1.0);
  ASSERT_TRUE(placed);
  EXPECT_EQ(placed->streamed, 8);
  EXPECT_EQ(placed->copied, 800);
  read_from_file(*placed, 2);
  EXPECT_FALSE(placed->is_hidden());
  EXPECT_DOUBLE_EQ(placed->copy_seconds, 2 * 800 / kAssumedFileRate);
  EXPECT_DOUBLE_EQ(placed->text_seconds, 800 / kAssumedFileRate);
  EXPECT_DOUBLE_EQ(placed->step_seconds(), 1.0 + placed->copy_seconds);
}

TEST(Placement, TextGoesToTheProcessorLast) {
  EXPECT_EQ(place_text(kTen, 1000), TextPlace::card);
  EXPECT_EQ(place_text(kTen, 999), TextPlace::card_by_blocks);
  EXPECT_EQ(text_bytes(kTen, TextPlace::card_by_blocks), 200);
  EXPECT_EQ(place_text(kTen, 199), TextPlace::processor);
}

class CardPlan : public testing::Test {
 protected:
  Hardware machine{.cpu = "test",
                   .has_fast_bf16 = false,
                   .bf16_reason = "none",
                   .threads = 2,
                   .memory = int64_t{8} << 30,
                   .card = CudaCardFacts{"Test Card", int64_t{24} << 30},
                   .no_card = ""};
  families::ModelSpec spec = open_model(kGolden / "wan21-tiny");
  Plan plan(const Json& options) {
    Json all = {{"prompt", "a"}, {"size", "64x64"}, {"frames", 5}, {"steps", 2}};
    all.update(options);
    return make_plan(parse_request(all, "request"), spec, machine);
  }
};

TEST_F(CardPlan, AutoTakesTheCard) {
  const Plan on_card = plan({{"vram", "2G"}});
  EXPECT_EQ(on_card.request.device, "cuda");
  EXPECT_EQ(on_card.card_limit, int64_t{2} << 30);
  for (const StagePlan& stage : on_card.stages) {
    EXPECT_EQ(stage.place, "cuda") << stage.name;
    EXPECT_EQ(stage.dtype, "bf16") << stage.name;
    EXPECT_LE(stage.cost.weights + stage.cost.activations + stage.workspace, on_card.card_limit) << stage.name;
  }
  EXPECT_EQ(plan({{"dtype", "fp32"}}).denoise_target.dtype, at::kFloat);
  EXPECT_EQ(plan({{"device", "cpu"}}).request.device, "cpu");
  EXPECT_EQ(plan({{"vram", "2G"}, {"device", "cpu"}}).warnings.size(), 1U);
}

TEST_F(CardPlan, RefusesWhatCannotFitOrRun) {
  EXPECT_ERROR(plan({{"vram", "900M"}}), ErrorKind::resource, "larger --vram");
  EXPECT_ERROR(plan({{"device", "cpu"}, {"attention", "sm80"}}), ErrorKind::unsupported,
               "--attention sm80 is for CUDA");
  EXPECT_ERROR(plan({{"device", "cpu"}, {"cuda_graphs", true}}), ErrorKind::unsupported,
               "cuda_graphs is for CUDA cards");
  EXPECT_ERROR(plan({{"cuda_graphs", "yes"}}), ErrorKind::usage, "use true or false");
  machine.card.reset();
  machine.no_card = "no NVIDIA driver was found";
  EXPECT_ERROR(plan({{"device", "cuda"}}), ErrorKind::unsupported,
               "--device cuda: no NVIDIA driver was found; use cpu");
  EXPECT_EQ(plan(Json::object()).request.device, "cpu");  // auto says nothing
  EXPECT_TRUE(plan(Json::object()).warnings.empty());
}

// A transformer larger than the memory that may be used.
class StreamedPlan : public CardPlan {
 protected:
  test::DeepModel model{kGolden / "wan21-tiny", 24};
  StreamedPlan() {
    machine.card.reset();
    spec = open_model(model.path());
  }
  static const StagePlan& denoising(const Plan& plan) { return plan.stages[1]; }
  static int64_t together(const Plan& plan) { return denoising(plan).cost.weights + denoising(plan).cost.activations; }
};

TEST_F(StreamedPlan, KeepsWhatFitsOnTheProcessor) {
  const Plan whole = plan(Json::object());
  EXPECT_EQ(residency(whole), nn::Residency{});
  const BlockSizes sizes = block_sizes(model.path() / "transformer", kFloats);
  for (const int64_t less : {1, 5, 20}) {
    machine.memory = (together(whole) - less * sizes.block) * 10 / 9;
    const Plan streamed = plan(Json::object());
    EXPECT_LE(together(streamed), streamed.memory_limit);
    EXPECT_GT(together(streamed) + sizes.block, streamed.memory_limit);  // and no less than could be kept
    EXPECT_EQ(residency(streamed), (nn::Residency{.resident = streamed.denoise_blocks.resident}));
    EXPECT_EQ(streamed.denoise_blocks.resident + streamed.denoise_blocks.streamed, 24);
    EXPECT_NE(denoising(streamed).note.find("read from the file each step"), std::string::npos);
  }
  machine.memory = (denoising(whole).cost.activations + sizes.outside + sizes.block) * 10 / 9;
  EXPECT_ERROR(plan(Json::object()), ErrorKind::resource, "two blocks of 24");
}

TEST_F(StreamedPlan, ACardTakesBlocksFromPinnedMemoryOrTheFile) {
  const BlockSizes sizes = block_sizes(model.path() / "transformer", kHalves);
  machine.card = CudaCardFacts{"Test Card", int64_t{24} << 30};
  const Plan whole = plan(Json::object());
  machine.card->memory = kCardContext + kCardWorkspace + together(whole) - 10 * sizes.block;
  const Plan pinned = plan(Json::object());
  EXPECT_EQ(residency(pinned), (nn::Residency{.resident = pinned.denoise_blocks.resident, .keeps_on_host = true}));
  EXPECT_NE(denoising(pinned).note.find("copied each step"), std::string::npos);
  const Plan from_file = plan({{"memory", std::to_string(pinned.denoise_blocks.copied - 1)}});
  EXPECT_EQ(residency(from_file), (nn::Residency{.resident = pinned.denoise_blocks.resident}));
}

TEST_F(StreamedPlan, Int8KeepsMoreBlocks) {
  machine.card = CudaCardFacts{"Test Card", int64_t{24} << 30};
  const BlockSizes full = block_sizes(model.path() / "transformer", kHalves),
                   bytes = block_sizes(model.path() / "transformer", kBytes);
  EXPECT_LT(bytes.block, full.block);
  machine.card->memory = kCardContext + kCardWorkspace + together(plan(Json::object())) - 10 * full.block;
  const Plan whole = plan(Json::object()), in_bytes = plan({{"weights", "int8"}});
  EXPECT_GT(in_bytes.denoise_blocks.resident, whole.denoise_blocks.resident);
  EXPECT_EQ(
      in_bytes.denoise_blocks.weights,
      bytes.outside + bytes.block * (in_bytes.denoise_blocks.resident + (in_bytes.denoise_blocks.streamed ? 2 : 0)));
  EXPECT_EQ(in_bytes.request.weights, "int8");
}

}  // namespace
}  // namespace soragen::pipeline
