// What the attention kernels share: swizzled tiles in shared memory, their copies, the online softmax in
// registers, and the way of the finished rows to memory. A block is kAttentionWarps warps of 32 queries.
#pragma once

#include <math.h>

#include "kernels/attention/attention.h"
#include "kernels/attention/tiles.h"
#include "kernels/device/numbers.h"

namespace soragen::kernels {

constexpr int kAttentionThreads = 32 * kAttentionWarps;
constexpr int kChunkBytes = 16;
constexpr float kLog2E = 1.44269504f, kLn2 = 0.69314718f;

// Rows of `row_bytes` bytes in shared memory. Their 16-byte chunks are permuted so that the same chunk of
// eight neighbouring rows lies on all 32 banks, as ldmatrix reads them.
template <int row_bytes>
struct SharedTile {
  static_assert(row_bytes == 64 || row_bytes % 128 == 0);
  uint32_t base;
  __device__ __forceinline__ uint32_t chunk(int row, int index) const {
    const int permutation = row_bytes == 64 ? row / 2 % 4 : row % 8;  // two short rows share a line of banks
    return base + static_cast<uint32_t>(row * row_bytes + (index ^ permutation) * kChunkBytes);
  }
};

// From the address of chunk 0 or 1 of a row to the one `chunks` (even) further: the permutation is an
// exclusive or, so this is one instruction where the address anew would be several and registers to keep it.
__device__ __forceinline__ uint32_t advance(uint32_t address, int chunks) {
  return address ^ static_cast<uint32_t>(chunks * kChunkBytes);
}
// Down by `rows`, a multiple of 8: the permutation stays, and the offset is part of the instruction.
template <int row_bytes>
__device__ __forceinline__ uint32_t down(uint32_t address, int rows) {
  return address + static_cast<uint32_t>(rows * row_bytes);
}

// Where a lane finds its row for ldmatrix.x4. Left operand: 16 rows, chunks 0 and 1 (register order: rows
// 0-7 and 8-15 of the first chunk, then of the second). Right operand from rows: the chunks of rows 0-7,
// then of rows 8-15. Right operand by transposition: as the left one.
template <int row_bytes>
__device__ __forceinline__ uint32_t left_rows(SharedTile<row_bytes> tile, int first) {
  return opaque(tile.chunk(first + lane_index() % 16, lane_index() / 16));
}
template <int row_bytes>
__device__ __forceinline__ uint32_t right_rows(SharedTile<row_bytes> tile) {
  return opaque(tile.chunk(lane_index() / 16 * 8 + lane_index() % 8, lane_index() / 8 % 2));
}

// A thread copies one chunk of every so many rows. Its own first chunk of a matrix of rows, in bytes:
template <int row_bytes>
__device__ __forceinline__ const char* own_chunk(const void* rows, int64_t stride) {
  constexpr int kChunks = row_bytes / kChunkBytes;
  return static_cast<const char*>(rows) + thread_index() / kChunks * stride + thread_index() % kChunks * kChunkBytes;
}

// Starts the copy of `rows` rows, `stride` bytes apart; those past `count` become zeros.
template <int row_bytes, int rows>
__device__ __forceinline__ void copy_tile(SharedTile<row_bytes> tile, const char* own, int64_t stride, int count) {
  constexpr int kChunks = row_bytes / kChunkBytes, kRowStep = kAttentionThreads / kChunks;
  static_assert(kRowStep % 8 == 0 && rows % kRowStep == 0);
  const int first = thread_index() / kChunks;
  const uint32_t to = tile.chunk(first, thread_index() % kChunks);
#pragma unroll 2  // all at once would hold a 64-bit address each, and spill
  for (int row = 0; row < rows; row += kRowStep, own += kRowStep * stride)
    copy_async(down<row_bytes>(to, row), own, first + row < count);
}

// Turns scores into weights 2^(score * unit - maximum) and corrects what was summed with the old maximum.
// sum is this lane's share of the row.
template <int D, int keys>
__device__ __forceinline__ void soften(float (&scores)[2][keys / 8][4], float (&out)[2][D / 8][4],
                                       float (&maximum)[2][2], float (&sum)[2][2], float unit) {
#pragma unroll
  for (int m = 0; m < 2; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {  // rows g and g + 8 of the fragment
      float most = maximum[m][half];
#pragma unroll
      for (int n = 0; n < keys / 8; ++n) most = fmaxf(most, fmaxf(scores[m][n][2 * half], scores[m][n][2 * half + 1]));
      most = lanes_maximum(most, kQuad);
      const float offset = most == -INFINITY ? 0.0f : most * unit;  // so far every key is masked
      const float correction = exp2_approximate(maximum[m][half] * unit - offset);
      maximum[m][half] = most;
      sum[m][half] *= correction;
#pragma unroll
      for (int n = 0; n < keys / 8; ++n)
#pragma unroll
        for (int j = 2 * half; j < 2 * half + 2; ++j) {
          scores[m][n][j] = exp2_approximate(scores[m][n][j] * unit - offset);
          sum[m][half] += scores[m][n][j];
        }
#pragma unroll
      for (int n = 0; n < D / 8; ++n) {
        out[m][n][2 * half] *= correction;
        out[m][n][2 * half + 1] *= correction;
      }
    }
}

// Divides by the sums and lays the warp's 32 rows into its own part of the query tile.
template <typename T, int D>
__device__ __forceinline__ void stage_rows(const float (&out)[2][D / 8][4], const float (&sum)[2][2],
                                           SharedTile<2 * D> tile) {
  const int lane = lane_index();
#pragma unroll
  for (int m = 0; m < 2; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float inverse = sum[m][half] > 0 ? 1.0f / sum[m][half] : 0.0f;
      const int row = warp_index() * 32 + m * 16 + half * 8 + lane / 4;
#pragma unroll
      for (int n = 0; n < D / 8; ++n)
        store_shared(tile.chunk(row, n) + static_cast<uint32_t>(lane % 4 * 4),
                     pack<T>(out[m][n][2 * half] * inverse, out[m][n][2 * half + 1] * inverse));
    }
}

// The warp's staged rows to memory, 16 bytes a lane.
template <int D>
__device__ __forceinline__ void store_rows(SharedTile<2 * D> tile, uint16_t* to, int64_t stride, int count) {
  constexpr int kChunks = 2 * D / kChunkBytes, kChunk = kChunkBytes / 2;
#pragma unroll
  for (int i = lane_index(); i < 32 * kChunks; i += 32) {
    const int row = warp_index() * 32 + i / kChunks, chunk = i % kChunks;
    if (row < count) store_global(to + row * stride + chunk * kChunk, load_shared<Words<4>>(tile.chunk(row, chunk)));
  }
}

}  // namespace soragen::kernels
