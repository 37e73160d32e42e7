#include "pipeline/decode_ladder.h"

#include <algorithm>

#include "core/log.h"
#include "pipeline/failure.h"
#include "pipeline/memory_pools.h"

namespace soragen::pipeline {
using families::DecodeOptions;

std::vector<DecodeRung> decode_ladder(int64_t width, int64_t height) {
  std::vector<DecodeRung> ladder;
  for (const int64_t latent_frames : {8, 4, 2})
    ladder.push_back({.options = {.latent_frames = latent_frames}, .note = "", .only_if_small = true});
  ladder.push_back({.options = {}, .note = ""});
  ladder.push_back({.options = {.frames_per_pass = 1}, .note = "frame by frame"});
  for (const int64_t tile : {512, 384, 256})
    if (tile < width || tile < height)
      // 256 with a stride of 192 is the reference's tiling; tiles must be whole tokens of any geometry.
      ladder.push_back({.options = {.frames_per_pass = 1, .tile = tile, .tile_stride = tile / 4 * 3},
                        .note = fmt::format("tiles of {0}x{0}, frame by frame", tile)});
  return ladder;
}

void decode_within_memory(families::FrameDecoder& decoder, const at::Tensor& latent, const DecodeOptions& options,
                          const std::vector<DecodeRung>& ladder, const families::FramesFn& frames) {
  auto rung = std::find_if(ladder.begin(), ladder.end(),
                           [&](const DecodeRung& candidate) { return candidate.options == options; });
  int64_t done = 0;
  for (DecodeOptions now = options;;) {
    int64_t seen = 0;
    bool is_handing_out = false;
    try {
      return decoder.decode(latent, now, [&](const at::Tensor& decoded) {  // [T, H, W, 3]
        const int64_t skipped = std::clamp<int64_t>(done - seen, 0, decoded.size(0));
        seen += decoded.size(0);
        if (skipped == decoded.size(0)) return;
        is_handing_out = true;
        frames(decoded.narrow(0, skipped, decoded.size(0) - skipped));
        is_handing_out = false;
        done = seen;
      });
    } catch (...) {
      if (is_handing_out || !is_out_of_memory(std::current_exception())) throw;
      if (rung == ladder.end() || ++rung == ladder.end()) throw;
      now = rung->options;
      log_warning("memory ran out while decoding; decoding again: {}",
                  rung->note.empty() ? fmt::format("{} latent frames at a time", now.latent_frames) : rung->note);
    }
    return_freed_memory();
  }
}

}  // namespace soragen::pipeline
