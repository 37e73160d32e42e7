// Placement on a card as pure functions, and decoding that runs out of memory.
#include "pipeline/memory_plan.h"

#include <c10/util/Exception.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "pipeline/decode_ladder.h"
#include "pipeline/generator.h"
#include "pipeline/options.h"
#include "support/expect_error.h"
#include "weights/store.h"

namespace soragen::pipeline {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(SORAGEN_SOURCE_DIR) / "tests/golden";

TEST(BlockSizes, CountWhatTheFilesHold) {
  for (const char* component : {"transformer", "text_encoder", "vae"}) {
    const BlockSizes sizes = block_sizes(kGolden / "wan21-tiny" / component, 4);
    const weights::WeightStore store(kGolden / "wan21-tiny" / component, {"diffusion_pytorch_model", "model"});
    int64_t numbers = 0, first_block = 0;
    for (const auto& [name, tensor] : store.tensors()) {
      const auto count = static_cast<int64_t>(tensor.bytes.size() / weights::size_of(tensor.dtype));
      numbers += count;
      if (name.starts_with("blocks.0.") || name.starts_with("encoder.block.0.")) first_block += count;
    }
    EXPECT_EQ(sizes.total(), 4 * numbers) << component;  // all blocks of these are alike
    EXPECT_EQ(sizes.block, 4 * first_block) << component;
    EXPECT_EQ(block_sizes(kGolden / "wan21-tiny" / component, 2).total(), 2 * numbers) << component;
  }
  EXPECT_EQ(block_sizes(kGolden / "wan21-tiny/transformer", 2).count, 2);
  EXPECT_EQ(block_sizes(kGolden / "wan21-tiny/vae", 2).count, 0);
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
  machine.card.reset();
  machine.no_card = "no NVIDIA driver was found";
  EXPECT_ERROR(plan({{"device", "cuda"}}), ErrorKind::unsupported,
               "--device cuda: no NVIDIA driver was found; use cpu");
  EXPECT_EQ(plan(Json::object()).request.device, "cpu");  // auto says nothing
  EXPECT_TRUE(plan(Json::object()).warnings.empty());
}

// Decodes frames of its number; runs out of memory unless in tiles of `fits` or smaller.
class TightDecoder : public families::FrameDecoder {
 public:
  TightDecoder(int64_t fits, int64_t fails_after) : fits_(fits), fails_after_(fails_after) {}
  void decode(const at::Tensor& latent, const families::DecodeOptions& options,
              const families::FramesFn& frames) override {
    tried.push_back(options);
    const bool has_room = options.tile > 0 && options.tile <= fits_;
    for (int64_t t = 0; t < latent.size(1); ++t) {
      if (!has_room && t == fails_after_)
        C10_THROW_ERROR(OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB");
      frames(at::full({1, 2, 2, 3}, t, at::kByte));
    }
  }
  std::vector<families::DecodeOptions> tried;

 private:
  int64_t fits_, fails_after_;
};

std::vector<int64_t> frames_of(TightDecoder& decoder) {
  std::vector<int64_t> found;
  decode_within_memory(decoder, at::zeros({4, 5, 2, 2}), {}, decode_ladder(1024, 1024), [&](const at::Tensor& frames) {
    for (int64_t t = 0; t < frames.size(0); ++t) found.push_back(frames[t][0][0][0].item<int64_t>());
  });
  return found;
}

TEST(DecodeWithinMemory, FallsToSmallerTilesAndRepeatsNoFrame) {
  for (const int64_t fails_after : {0, 3}) {
    TightDecoder decoder(384, fails_after);
    EXPECT_EQ(frames_of(decoder), (std::vector<int64_t>{0, 1, 2, 3, 4}));
    std::vector<int64_t> tiles;
    for (const families::DecodeOptions& options : decoder.tried) tiles.push_back(options.tile);
    EXPECT_EQ(tiles, (std::vector<int64_t>{0, 0, 512, 384}));
  }
}

TEST(DecodeWithinMemory, GivesUpAfterTheSmallestTile) {
  TightDecoder decoder(0, 0);
  EXPECT_THROW(frames_of(decoder), c10::OutOfMemoryError);
  EXPECT_EQ(decoder.tried.back().tile, 256);
}

TEST(DecodeLadder, HasNoTilesLargerThanTheFilm) {
  for (const DecodeRung& rung : decode_ladder(400, 300)) EXPECT_LT(rung.options.tile, 400);
  EXPECT_EQ(decode_ladder(200, 200).back().options.tile, 0);
}

}  // namespace
}  // namespace soragen::pipeline
