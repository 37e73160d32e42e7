#include "families/tiled_decode.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "core/fail.h"
#include "core/scratch_file.h"

namespace soragen::families {
namespace {

struct Span {
  int64_t begin, size;  // pixels
};

// Along one axis: a tile every `stride`, cut at the end.
std::vector<Span> spans(int64_t extent, int64_t tile, int64_t stride) {
  std::vector<Span> result;
  for (int64_t begin = 0; begin < extent; begin += stride) result.push_back({begin, std::min(tile, extent - begin)});
  return result;
}

// Fades from the end of `before` into the start of `tile`, in place; dim 0 is rows, 1 columns of [H, W, 3].
void blend(const at::Tensor& before, at::Tensor& tile, int64_t dim, int64_t extent, int64_t step) {
  extent = std::min({extent, before.size(dim), tile.size(dim)});
  at::Tensor weight = at::arange(extent, at::kFloat).floor_divide(step) / static_cast<double>(extent / step);
  weight = dim == 0 ? weight.view({extent, 1, 1}) : weight.view({1, extent, 1});
  at::Tensor start = tile.narrow(dim, 0, extent);
  start.copy_(before.narrow(dim, before.size(dim) - extent, extent) * (1.0 - weight) + start * weight);
}

}  // namespace

void tiled_decode(const at::Tensor& latent, int64_t frames, const DecodeOptions& options, const Tiling& tiling,
                  const std::function<void(const at::Tensor& latent, const ValuesFn&)>& decode_tile,
                  const ValuesFn& values) {
  const int64_t height = latent.size(2) * tiling.spatial, width = latent.size(3) * tiling.spatial,
                overlap = options.tile - options.tile_stride;
  SORAGEN_ASSERT(options.tile % tiling.spatial == 0 && options.tile_stride % tiling.spatial == 0 && overlap >= 0 &&
                 overlap % tiling.step == 0);
  const auto rows = spans(height, options.tile, options.tile_stride),
             columns = spans(width, options.tile, options.tile_stride);

  int64_t pixels = 0;
  for (const Span& row : rows)
    for (const Span& column : columns) pixels += row.size * column.size;
  // float16: its error on [-1, 1] is a sixteenth of an 8-bit step.
  const ScratchFile scratch(static_cast<size_t>(frames * pixels * 3) * sizeof(c10::Half));
  std::vector<std::vector<at::Tensor>> tiles;  // [T, h, w, 3] each
  int64_t offset = 0;
  for (const Span& row : rows) {
    tiles.emplace_back();
    for (const Span& column : columns) {
      at::Tensor tile = at::from_blob(scratch.bytes().data() + offset, {frames, row.size, column.size, 3}, at::kHalf);
      offset += static_cast<int64_t>(tile.nbytes());
      int64_t done = 0;
      const at::Tensor part = latent.narrow(2, row.begin / tiling.spatial, row.size / tiling.spatial)
                                  .narrow(3, column.begin / tiling.spatial, column.size / tiling.spatial);
      decode_tile(part.contiguous(), [&](const at::Tensor& decoded) {
        tile.narrow(0, done, decoded.size(0)).copy_(decoded);
        done += decoded.size(0);
      });
      SORAGEN_ASSERT(done == frames);
      tiles.back().push_back(tile);
    }
  }

  for (int64_t t = 0; t < frames; ++t) {
    at::Tensor frame = at::empty({1, height, width, 3}, at::kFloat);
    std::vector<at::Tensor> above;
    for (size_t i = 0; i < rows.size(); ++i) {
      std::vector<at::Tensor> line;
      for (size_t j = 0; j < columns.size(); ++j) {
        at::Tensor tile = tiles[i][j][t].to(at::kFloat);
        if (i > 0) blend(above[j], tile, 0, overlap, tiling.step);
        if (j > 0) blend(line[j - 1], tile, 1, overlap, tiling.step);
        const int64_t h = std::min(options.tile_stride, rows[i].size),
                      w = std::min(options.tile_stride, columns[j].size);
        frame[0].narrow(0, rows[i].begin, h).narrow(1, columns[j].begin, w).copy_(tile.narrow(0, 0, h).narrow(1, 0, w));
        line.push_back(tile);
      }
      above = std::move(line);
    }
    values(frame);
  }
}

}  // namespace soragen::families
