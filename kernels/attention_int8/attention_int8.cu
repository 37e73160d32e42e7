// 8-bit attention for sm_80 and newer, dense or over lists of key blocks.
//
// As attention_sm80, with keys, their scales and values of one tile in one of two buffers: the copy of the
// next tile runs while a tile is computed, and a tile costs one barrier. 32 keys a tile: the float sums, the
// scores and the Half sums beside them must fit 255 registers.
#include "kernels/attention_int8/attention_int8.h"

#include "kernels/attention/attention_tile.cuh"

namespace soragen::kernels {
namespace {

constexpr int kKeys = kInt8KeyTile;
constexpr int kTilesPerBlock = kKeyBlock / kKeys;

struct alignas(8) FloatPair {
  float x[2];
};

// One of the two buffers.
template <int D>
struct Buffer {
  static constexpr uint32_t kBytes = kKeys * (D + 2 * D + sizeof(float));
  static constexpr uint32_t kStride = (kBytes + 1023) / 1024 * 1024;
  SharedTile<D> keys;
  SharedTile<2 * D> values;
  uint32_t scales;
};
template <int D>
__device__ __forceinline__ Buffer<D> buffer(int index) {
  const uint32_t base = shared_memory() + kAttentionQueries * D + static_cast<uint32_t>(index) * Buffer<D>::kStride;
  return {{base}, {base + kKeys * D}, base + kKeys * 3 * D};
}

struct HeadRows {
  const int8_t *query, *key;
  const Half* value;
  const float *query_scale, *key_scale;
  const int32_t* blocks;  // of this query block, or null
};
__device__ __forceinline__ HeadRows head_rows(const AttentionInt8Params& p, int head) {
  const int64_t width = static_cast<int64_t>(p.heads) * p.head_dim, column = head * static_cast<int64_t>(p.head_dim);
  const int64_t row = static_cast<int64_t>(block_z()) * p.heads + head;
  const int query_blocks = (p.queries + kAttentionQueries - 1) / kAttentionQueries;
  return {p.query + block_z() * p.queries * width + column,
          p.key + block_z() * p.keys * width + column,
          p.value + block_z() * p.keys * width + column,
          p.query_scale + row * p.query_scale_stride,
          p.key_scale + row * p.key_scale_stride,
          p.key_blocks ? p.key_blocks + (row * query_blocks + block_x()) * p.kept : nullptr};
}

// The first key of the tile-th tile that this block attends to.
__device__ __forceinline__ int first_key(const HeadRows& rows, int tile) {
  const int block = tile / kTilesPerBlock;
  return (rows.blocks ? load_global<int32_t>(rows.blocks + block) : block) * kKeyBlock + tile % kTilesPerBlock * kKeys;
}

template <int D>
__device__ __forceinline__ void copy_keys(const AttentionInt8Params& p, const HeadRows& rows, int begin, int index) {
  const Buffer<D> to = buffer<D>(index);
  const int stride = p.heads * D;
  copy_tile<D, kKeys>(to.keys, own_chunk<D>(rows.key + static_cast<int64_t>(begin) * stride, stride), stride,
                      p.keys - begin);
  copy_tile<2 * D, kKeys>(to.values, own_chunk<2 * D>(rows.value + static_cast<int64_t>(begin) * stride, 2 * stride),
                          2 * stride, p.keys - begin);
  if (thread_index() < kKeys / 4) {
    const int key = begin + thread_index() * 4;
    copy_async(to.scales + static_cast<uint32_t>(thread_index()) * kChunkBytes, rows.key_scale + key, key < p.keys);
  }
}

// scores = (queries . keys) * the keys' scales * the queries' units + bias, in powers of two.
template <int D>
__device__ __forceinline__ void score_keys(float (&scores)[2][kKeys / 8][4], const AttentionInt8Params& p,
                                           SharedTile<D> query_tile, const Buffer<D>& from, const float (&unit)[2][2],
                                           int begin) {
  const uint32_t query_rows = left_rows(query_tile, warp_index() * 32), key_rows = right_rows(from.keys);
  int32_t products[2][kKeys / 8][4] = {};
#pragma unroll
  for (int k = 0; k < D / 32; ++k) {
    uint32_t a[2][4];
#pragma unroll
    for (int m = 0; m < 2; ++m) load_matrices(a[m], down<D>(advance(query_rows, 2 * k), m * 16));
#pragma unroll
    for (int n = 0; n < kKeys / 8; n += 2) {
      uint32_t b[4];
      load_matrices(b, down<D>(advance(key_rows, 2 * k), n * 8));
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        multiply_int8(products[m][n], a[m], {b[0], b[1]});
        multiply_int8(products[m][n + 1], a[m], {b[2], b[3]});
      }
    }
  }
#pragma unroll
  for (int n = 0; n < kKeys / 8; ++n) {
    const int column = n * 8 + lane_index() % 4 * 2;
    const FloatPair scale = load_shared<FloatPair>(from.scales + 4u * static_cast<uint32_t>(column));
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const int key = begin + column + j;
      float bias = 0;
      if (p.key_bias && key < p.keys) bias = load_global<float>(p.key_bias + key) * kLog2E;
#pragma unroll
      for (int m = 0; m < 2; ++m)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const float product = static_cast<float>(products[m][n][2 * half + j]);
          scores[m][n][2 * half + j] = key < p.keys ? product * scale.x[j] * unit[m][half] + bias : -INFINITY;
        }
    }
  }
}

// out += weights times the tile's values: over the tile's keys in Half, then in float.
template <int D>
__device__ __forceinline__ void add_values(float (&out)[2][D / 8][4], const float (&weights)[2][kKeys / 8][4],
                                           SharedTile<2 * D> values) {
  const uint32_t value_rows = left_rows(values, 0);
  uint32_t a[kKeys / 16][2][4];
#pragma unroll
  for (int k = 0; k < kKeys / 16; ++k)
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const auto& pair = weights[m][2 * k + i / 2];
        a[k][m][i] = pack<Half>(pair[i % 2 * 2], pair[i % 2 * 2 + 1]);
      }
#pragma unroll
  for (int n = 0; n < D / 8; n += 2) {
    uint32_t sums[2][2][2] = {};  // [m][n of two][words]
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k) {
      uint32_t b[4];
      load_matrices_transposed(b, down<2 * D>(advance(value_rows, n), k * 16));
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        multiply_half(sums[m][0], a[k][m], {b[0], b[1]});
        multiply_half(sums[m][1], a[k][m], {b[2], b[3]});
      }
    }
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int j = 0; j < 2; ++j)
#pragma unroll
        for (int word = 0; word < 2; ++word) {
          const Float2 pair = unpack<Half>(sums[m][j][word]);
          out[m][n + j][2 * word] += pair.low;
          out[m][n + j][2 * word + 1] += pair.high;
        }
  }
}

template <typename T, int D>
__global__ void __launch_bounds__(kAttentionThreads, 2) attention_int8_kernel(const AttentionInt8Params p) {
  const SharedTile<D> query_tile{shared_memory()};
  const int first = block_x() * kAttentionQueries, row = first + warp_index() * 32 + lane_index() / 4;
  const int tiles = kTilesPerBlock * (p.key_blocks ? p.kept : (p.keys + kKeyBlock - 1) / kKeyBlock);
  const int64_t stride = static_cast<int64_t>(p.heads) * D;

  const HeadRows start = head_rows(p, block_y());
  float out[2][D / 8][4] = {}, sum[2][2] = {}, unit[2][2];
  float maximum[2][2] = {{-INFINITY, -INFINITY}, {-INFINITY, -INFINITY}};
#pragma unroll
  for (int m = 0; m < 2; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int query = row + m * 16 + half * 8;
      unit[m][half] = query < p.queries ? load_global<float>(start.query_scale + query) * p.scale * kLog2E : 0.0f;
    }
  copy_tile<D, kAttentionQueries>(query_tile, own_chunk<D>(start.query + first * stride, stride), stride,
                                  p.queries - first);
  copy_keys<D>(p, start, first_key(start, 0), 0);
  commit_copies();
  int tile = 0;
  do {
    // Worked out anew for every tile: six pointers are twelve registers.
    const HeadRows rows = head_rows(p, static_cast<int>(opaque(static_cast<uint32_t>(block_y()))));
    wait_copies<0>();
    sync_block();  // this tile is here, and every warp is done with the one before
    const int begin = first_key(rows, tile);
    if (tile + 1 < tiles) copy_keys<D>(p, rows, first_key(rows, tile + 1), (tile + 1) % 2);
    commit_copies();
    const Buffer<D> from = buffer<D>(tile % 2);
    float scores[2][kKeys / 8][4];
    score_keys<D>(scores, p, query_tile, from, unit, begin);
    soften<D, kKeys>(scores, out, maximum, sum, 1.0f);
    add_values<D>(out, scores, from.values);
    ++tile;
  } while (tile < tiles);

#pragma unroll
  for (int m = 0; m < 2; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) sum[m][half] = lanes_sum(sum[m][half], kQuad);
  // Rows of the result are twice as long as those of the queries: they go where queries and buffers were.
  sync_block();
  const SharedTile<2 * D> staged{shared_memory()};
  stage_rows<T, D>(out, sum, staged);
  sync_warp();
  store_rows<D>(staged,
                static_cast<uint16_t*>(p.out) + block_z() * p.out_strides.batch + block_y() * p.out_strides.head +
                    first * p.out_strides.token,
                p.out_strides.token, p.queries - first);
}

template <typename T, int D>
void launch_heads(const AttentionInt8Params& p, Stream stream) {
  constexpr size_t kLoop = kAttentionQueries * D + 2 * Buffer<D>::kStride, kStaged = 2 * kAttentionQueries * D;
  const LaunchShape shape{.grid = {blocks_of(p.queries, kAttentionQueries), p.heads, p.batch},
                          .threads = kAttentionThreads,
                          .shared_bytes = kLoop > kStaged ? kLoop : kStaged};
  launch<attention_int8_kernel<T, D>>(shape, stream, p);
}

}  // namespace

void attention_int8(const AttentionInt8Params& p, Stream stream) {
  const bool bf16 = p.element == Element::bf16;
  if (p.head_dim == 64) return bf16 ? launch_heads<Bf16, 64>(p, stream) : launch_heads<Half, 64>(p, stream);
  bf16 ? launch_heads<Bf16, 128>(p, stream) : launch_heads<Half, 128>(p, stream);
}

}  // namespace soragen::kernels
