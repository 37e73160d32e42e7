// Exact attention for sm_80 and newer: flash attention on mma.sync, in one pass over the keys.
//
// A block holds 128 queries and walks the keys tile by tile; a warp owns 32 queries. Scores stay in
// registers: the fragment that q k^T leaves is the fragment that p v wants. The softmax runs online with a
// maximum and a sum a row, in base 2.
#include "kernels/attention/attention_tile.cuh"

namespace soragen::kernels {
namespace {

// scores[m][n] = rows of queries times the tile's keys; m counts 16 queries, n 8 keys.
template <typename T, int D, int keys>
__device__ __forceinline__ void multiply_queries_keys(float (&scores)[2][keys / 8][4], SharedTile<2 * D> query_tile,
                                                      SharedTile<2 * D> key_tile) {
  const uint32_t query_rows = left_rows(query_tile, warp_index() * 32), key_rows = right_rows(key_tile);
#pragma unroll
  for (int m = 0; m < 2; ++m)
#pragma unroll
    for (int n = 0; n < keys / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) scores[m][n][i] = 0;
#pragma unroll
  for (int k = 0; k < D / 16; ++k) {
    uint32_t a[2][4];
#pragma unroll
    for (int m = 0; m < 2; ++m) load_matrices(a[m], down<2 * D>(advance(query_rows, 2 * k), m * 16));
#pragma unroll
    for (int n = 0; n < keys / 8; n += 2) {
      uint32_t b[4];
      load_matrices(b, down<2 * D>(advance(key_rows, 2 * k), n * 8));
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        multiply<T>(scores[m][n], a[m], {b[0], b[1]});
        multiply<T>(scores[m][n + 1], a[m], {b[2], b[3]});
      }
    }
  }
}

// out[m][n] += weights times the tile's values; n counts 8 columns of D.
template <typename T, int D, int keys>
__device__ __forceinline__ void multiply_weights_values(float (&out)[2][D / 8][4],
                                                        const float (&weights)[2][keys / 8][4],
                                                        SharedTile<2 * D> value_tile) {
  const uint32_t value_rows = left_rows(value_tile, 0);
#pragma unroll
  for (int k = 0; k < keys / 16; ++k) {
    uint32_t a[2][4];
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const auto& pair = weights[m][2 * k + i / 2];
        a[m][i] = pack<T>(pair[i % 2 * 2], pair[i % 2 * 2 + 1]);
      }
#pragma unroll
    for (int n = 0; n < D / 8; n += 2) {
      uint32_t b[4];
      load_matrices_transposed(b, down<2 * D>(advance(value_rows, n), k * 16));
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        multiply<T>(out[m][n], a[m], {b[0], b[1]});
        multiply<T>(out[m][n + 1], a[m], {b[2], b[3]});
      }
    }
  }
}

// Adds the bias, in units of the raw scores, and takes keys past the end out of the softmax.
template <int keys>
__device__ __forceinline__ void add_bias(float (&scores)[2][keys / 8][4], const AttentionParams& p, int begin) {
  const float* const bias = p.key_bias + block_z() * p.bias_batch_stride + begin;
  const float unit = 1.0f / p.scale;
#pragma unroll
  for (int n = 0; n < keys / 8; ++n)
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const int key = n * 8 + lane_index() % 4 * 2 + j;
      float added = -INFINITY;
      if (begin + key < p.keys) added = p.key_bias ? load_global<float>(bias + key) * unit : 0.0f;
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        scores[m][n][j] += added;
        scores[m][n][j + 2] += added;
      }
    }
}

__device__ __forceinline__ const uint16_t* head_rows(const void* base, const Strides& strides) {
  return static_cast<const uint16_t*>(base) + block_z() * strides.batch + block_y() * strides.head;
}

template <typename T, int D, int keys>
__global__ void __launch_bounds__(kAttentionThreads, 2) attention_kernel(const AttentionParams p) {
  const SharedTile<2 * D> query_tile{shared_memory()}, key_tile{query_tile.base + kAttentionQueries * D * 2},
      value_tile{key_tile.base + keys * D * 2};
  const int first = block_x() * kAttentionQueries;
  const int64_t key_stride = 2 * p.key_strides.token, value_stride = 2 * p.value_strides.token;
  const char* key = own_chunk<2 * D>(head_rows(p.key, p.key_strides), key_stride);
  const char* value = own_chunk<2 * D>(head_rows(p.value, p.value_strides), value_stride);
  const float unit = p.scale * kLog2E;

  float out[2][D / 8][4] = {}, sum[2][2] = {};
  float maximum[2][2] = {{-INFINITY, -INFINITY}, {-INFINITY, -INFINITY}};
  const int64_t query_stride = 2 * p.query_strides.token;
  copy_tile<2 * D, kAttentionQueries>(
      query_tile, own_chunk<2 * D>(head_rows(p.query, p.query_strides) + first * p.query_strides.token, query_stride),
      query_stride, p.queries - first);
  copy_tile<2 * D, keys>(key_tile, key, key_stride, p.keys);
  commit_copies();
  int begin = 0;
  do {
    wait_copies<0>();
    sync_block();  // the keys are here, and every warp is done with the values before
    copy_tile<2 * D, keys>(value_tile, value, value_stride, p.keys - begin);
    commit_copies();
    value += keys * value_stride;
    float scores[2][keys / 8][4];
    multiply_queries_keys<T, D, keys>(scores, query_tile, key_tile);
    wait_copies<0>();
    sync_block();  // the values are here, and every warp is done with the keys
    key += keys * key_stride;
    if (begin + keys < p.keys) copy_tile<2 * D, keys>(key_tile, key, key_stride, p.keys - begin - keys);
    commit_copies();
    if (p.key_bias || begin + keys > p.keys) add_bias<keys>(scores, p, begin);
    soften<D, keys>(scores, out, maximum, sum, unit);
    multiply_weights_values<T, D, keys>(out, scores, value_tile);
    begin += keys;
  } while (begin < p.keys);

#pragma unroll
  for (int m = 0; m < 2; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      sum[m][half] = lanes_sum(sum[m][half], kQuad);
      const int query = first + warp_index() * 32 + m * 16 + half * 8 + lane_index() / 4;
      if (p.log_sum_exp && lane_index() % 4 == 0 && query < p.queries)
        store_global(p.log_sum_exp + (static_cast<int64_t>(block_z()) * p.heads + block_y()) * p.queries + query,
                     (maximum[m][half] * unit + log2f(sum[m][half])) * kLn2);
    }
  sync_warp();  // every lane is done with the queries
  stage_rows<T, D>(out, sum, query_tile);
  sync_warp();
  store_rows<D>(query_tile,
                static_cast<uint16_t*>(p.out) + block_z() * p.out_strides.batch + block_y() * p.out_strides.head +
                    first * p.out_strides.token,
                p.out_strides.token, p.queries - first);
}

template <typename T, int D, int keys>
void launch_tile(const AttentionParams& p, Stream stream) {
  const LaunchShape shape{.grid = {(p.queries + kAttentionQueries - 1) / kAttentionQueries, p.heads, p.batch},
                          .threads = kAttentionThreads,
                          .shared_bytes = attention_shared_bytes(D, keys)};
  launch<attention_kernel<T, D, keys>>(shape, stream, p);
}

template <typename T>
void launch_element(const AttentionParams& p, const Card& card, Stream stream) {
  if (p.head_dim == 64) return launch_tile<T, 64, 64>(p, stream);
  if (attention_key_tile(128, card.shared_bytes_per_multiprocessor) == 48) return launch_tile<T, 128, 48>(p, stream);
  launch_tile<T, 128, 32>(p, stream);
}

}  // namespace

void attention_sm80(const AttentionParams& params, const Card& card, Stream stream) {
  params.element == Element::bf16 ? launch_element<Bf16>(params, card, stream)
                                  : launch_element<Half>(params, card, stream);
}

}  // namespace soragen::kernels
