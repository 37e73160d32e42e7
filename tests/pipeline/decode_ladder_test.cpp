// Decoding that runs out of memory goes on in smaller tiles.
#include "pipeline/decode_ladder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <functional>
#include <new>
#include <tuple>
#include <vector>

namespace soragen::pipeline {
namespace {

// Every way in which memory is known to run out.
const std::vector<std::function<void()>> kFailures = {
    [] { C10_THROW_ERROR(OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB"); },
    [] { std::ignore = at::empty({int64_t{1} << 55}, at::kByte); },  // LibTorch's own words for the processor's memory
    [] { throw std::bad_alloc(); }};

// Decodes frames of its number; runs out of memory unless in tiles of `fits` or smaller.
class TightDecoder : public families::FrameDecoder {
 public:
  TightDecoder(int64_t fits, int64_t fails_after, std::function<void()> fail = kFailures.front())
      : fits_(fits), fails_after_(fails_after), fail_(std::move(fail)) {}
  void decode(const at::Tensor& latent, const families::DecodeOptions& options,
              const families::FramesFn& frames) override {
    tried.push_back(options);
    const bool has_room = options.tile > 0 && options.tile <= fits_;
    for (int64_t t = 0; t < latent.size(1); ++t) {
      if (!has_room && t == fails_after_) fail_();
      frames(at::full({1, 2, 2, 3}, t, at::kByte));
    }
  }
  std::vector<families::DecodeOptions> tried;

 private:
  int64_t fits_, fails_after_;
  std::function<void()> fail_;
};

std::vector<int64_t> frames_of(TightDecoder& decoder) {
  std::vector<int64_t> found;
  decode_within_memory(decoder, at::zeros({4, 5, 2, 2}), {}, decode_ladder(1024, 1024), [&](const at::Tensor& frames) {
    for (int64_t t = 0; t < frames.size(0); ++t) found.push_back(frames[t][0][0][0].item<int64_t>());
  });
  return found;
}

TEST(DecodeWithinMemory, FallsToSmallerTilesAndRepeatsNoFrame) {
  for (size_t way = 0; way < kFailures.size(); ++way)
    for (const int64_t fails_after : {0, 3}) {
      SCOPED_TRACE(way);
      TightDecoder decoder(384, fails_after, kFailures[way]);
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

TEST(DecodeWithinMemory, OtherErrorsAreNoReasonToTryAgain) {
  TightDecoder decoder(384, 2, [] { TORCH_CHECK(false, "shapes differ"); });
  EXPECT_THROW(frames_of(decoder), c10::Error);
  EXPECT_EQ(decoder.tried.size(), 1U);
}

// What was handed over in part cannot be handed over again.
TEST(DecodeWithinMemory, AReceiverWithoutMemoryEndsIt) {
  TightDecoder decoder(384, -1);
  int64_t received = 0;
  EXPECT_THROW(decode_within_memory(decoder, at::zeros({4, 5, 2, 2}), {}, decode_ladder(1024, 1024),
                                    [&](const at::Tensor&) {
                                      if (++received == 3) throw std::bad_alloc();
                                    }),
               std::bad_alloc);
  EXPECT_EQ(received, 3);
  EXPECT_EQ(decoder.tried.size(), 1U);
}

TEST(DecodeLadder, HasNoTilesLargerThanTheFilm) {
  for (const DecodeRung& rung : decode_ladder(400, 300)) EXPECT_LT(rung.options.tile, 400);
  EXPECT_EQ(decode_ladder(200, 200).back().options.tile, 0);
}

}  // namespace
}  // namespace soragen::pipeline
