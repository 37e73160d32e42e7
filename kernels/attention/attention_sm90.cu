// Exact attention for sm_90a: flash attention on wgmma with keys and values brought by the copy engine.
//
// A block holds 128 queries. One thread starts copies of key and value tiles into a ring of stages; two
// warpgroups of 64 queries each multiply them. While the product of a tile's weights and values runs, the
// next tile's scores are already there and go through the softmax, so tensor cores and exponentials overlap
// within a warpgroup, and the two warpgroups fill each other's gaps. Scores stay in registers: the fragment
// that q k^T leaves is the left operand that p v wants.
#include <math.h>

#include "kernels/attention/attention.h"
#include "kernels/attention/tiles.h"
#include "kernels/device/numbers.h"
#include "kernels/device/sm90.h"

namespace soragen::kernels {
namespace {

constexpr float kLog2E = 1.44269504f, kLn2 = 0.69314718f;
constexpr int kConsumerWarps = kSm90Warpgroups * kWarpgroup / 32;
constexpr uint32_t kStep = 16;                               // the depth of one product
constexpr uint32_t kEight = kSwizzleRows * kBoxRowBytes;     // from eight rows to the next
constexpr uint32_t kQueryBox = kSm90Queries * kBoxRowBytes;  // 64 columns of all queries
constexpr uint32_t kKeyBox = kSm90Keys * kBoxRowBytes;

// Tiles lie as boxes of 64 columns, one after the other.
template <int D>
struct SharedLayout {
  static constexpr int kBoxes = D / kBoxNumbers;
  static constexpr uint32_t kTile = kBoxes * kKeyBox;
  uint32_t query;

  __device__ __forceinline__ uint32_t keys(uint32_t stage) const { return query + kBoxes * kQueryBox + stage * kTile; }
  __device__ __forceinline__ uint32_t values(uint32_t stage) const { return keys(kSm90Stages + stage); }
  __device__ __forceinline__ uint32_t query_full() const { return keys(2 * kSm90Stages); }
  __device__ __forceinline__ uint32_t keys_full(uint32_t stage) const { return query_full() + 8 + stage * 8; }
  __device__ __forceinline__ uint32_t keys_free(uint32_t stage) const { return keys_full(kSm90Stages + stage); }
  __device__ __forceinline__ uint32_t values_full(uint32_t stage) const { return keys_free(kSm90Stages + stage); }
  __device__ __forceinline__ uint32_t values_free(uint32_t stage) const { return values_full(kSm90Stages + stage); }
};

// Where in the ring a tile stands, and the parity of its round.
struct Place {
  uint32_t stage, parity;
};
__device__ __forceinline__ Place place_of(int tile) {
  const auto t = static_cast<uint32_t>(tile);
  return {t % kSm90Stages, t / kSm90Stages % 2};
}

__device__ __forceinline__ int tile_count(int keys) { return (keys + kSm90Keys - 1) / kSm90Keys; }

template <int D>
__device__ __forceinline__ void make_barriers(SharedLayout<D> at) {
  if (thread_index() == 0) {
    init_barrier(at.query_full(), 1);
    for (uint32_t stage = 0; stage < kSm90Stages; ++stage) {
      init_barrier(at.keys_full(stage), 1);
      init_barrier(at.values_full(stage), 1);
      init_barrier(at.keys_free(stage), kConsumerWarps);
      init_barrier(at.values_free(stage), kConsumerWarps);
    }
    publish_barriers();
  }
  sync_block();
}

// The boxes of one tile; `rows` of each are counted, zeros past the end too.
template <int D>
__device__ __forceinline__ void copy_tile(uint32_t to, const TensorMap& map, int token, uint32_t box,
                                          uint32_t barrier) {
  expect_bytes(barrier, SharedLayout<D>::kBoxes * box);
  for (int i = 0; i < SharedLayout<D>::kBoxes; ++i)
    copy_box(to + static_cast<uint32_t>(i) * box, map, {i * kBoxNumbers, token, block_y(), block_z()}, barrier);
}

template <int D>
__device__ __forceinline__ void produce(SharedLayout<D> at, int keys, const TensorMap& query_map,
                                        const TensorMap& key_map, const TensorMap& value_map) {
  copy_tile<D>(at.query, query_map, block_x() * kSm90Queries, kQueryBox, at.query_full());
  for (int tile = 0; tile < tile_count(keys); ++tile) {
    const Place place = place_of(tile);
    wait_barrier(at.keys_free(place.stage), place.parity ^ 1);  // in the first round: free from the start
    copy_tile<D>(at.keys(place.stage), key_map, tile * kSm90Keys, kKeyBox, at.keys_full(place.stage));
    wait_barrier(at.values_free(place.stage), place.parity ^ 1);
    copy_tile<D>(at.values(place.stage), value_map, tile * kSm90Keys, kKeyBox, at.values_full(place.stage));
  }
}

__device__ __forceinline__ void release(uint32_t barrier) {
  if (lane_index() == 0) arrive(barrier);
}

// Starts scores = 64 queries times a tile's keys.
template <typename T, int D>
__device__ __forceinline__ void start_scores(float (&scores)[kSm90Keys / 2], uint32_t queries, uint32_t keys) {
  open_matrices();
#pragma unroll
  for (uint32_t k = 0; k < D / kStep; ++k) {
    const uint32_t box = k / 4, along = k % 4 * 2 * kStep;  // four steps to a box
    multiply_tiles<T, kSm90Keys>(scores, matrix_descriptor(queries + box * kQueryBox + along, 0, kEight),
                                 matrix_descriptor(keys + box * kKeyBox + along, 0, kEight), k > 0);
  }
  commit_matrices();
}

// Starts out += weights times a tile's values.
template <typename T, int D>
__device__ __forceinline__ void start_values(float (&out)[D / 2], const uint32_t (&weights)[kSm90Keys / kStep][4],
                                             uint32_t values) {
  open_matrices();
#pragma unroll
  for (uint32_t k = 0; k < kSm90Keys / kStep; ++k)
    multiply_tile<T, D>(out, weights[k], matrix_descriptor(values + k * kStep * kBoxRowBytes, kKeyBox, kEight), true);
  commit_matrices();
}

// Adds the bias, in units of the raw scores, and takes keys past the end out of the softmax.
__device__ __forceinline__ void add_bias(float (&scores)[kSm90Keys / 2], const AttentionParams& p, int begin) {
  const float* const bias = p.key_bias + block_z() * p.bias_batch_stride + begin;
  const float unit = 1.0f / p.scale;
#pragma unroll
  for (int n = 0; n < kSm90Keys / 8; ++n)
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const int key = n * 8 + lane_index() % 4 * 2 + j;
      float added = -INFINITY;
      if (begin + key < p.keys) added = p.key_bias ? load_global<float>(bias + key) * unit : 0.0f;
      scores[4 * n + j] += added;
      scores[4 * n + 2 + j] += added;
    }
}

// The online softmax of a lane's two rows, g and g + 8.
struct Softmax {
  float unit;                                              // of a raw score in the exponent of 2
  float maximum[2] = {-INFINITY, -INFINITY}, sum[2] = {};  // sum: this lane's share

  // Turns scores into weights; correction: what was summed before must be multiplied with.
  __device__ __forceinline__ void soften(float (&scores)[kSm90Keys / 2], float (&correction)[2]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float most = maximum[half];
#pragma unroll
      for (int n = 0; n < kSm90Keys / 8; ++n)
        most = fmaxf(most, fmaxf(scores[4 * n + 2 * half], scores[4 * n + 2 * half + 1]));
      most = lanes_maximum(most, kQuad);
      const float offset = most == -INFINITY ? 0.0f : most * unit;  // so far every key is masked
      correction[half] = exp2_approximate(maximum[half] * unit - offset);
      maximum[half] = most;
      sum[half] *= correction[half];
#pragma unroll
      for (int n = 0; n < kSm90Keys / 8; ++n)
#pragma unroll
        for (int j = 4 * n + 2 * half; j < 4 * n + 2 * half + 2; ++j) {
          scores[j] = exp2_approximate(scores[j] * unit - offset);
          sum[half] += scores[j];
        }
    }
  }
};

// The sums' fragment as left operand: two neighbouring eights of columns to a step.
template <typename T>
__device__ __forceinline__ void pack_weights(uint32_t (&weights)[kSm90Keys / kStep][4],
                                             const float (&scores)[kSm90Keys / 2]) {
#pragma unroll
  for (int k = 0; k < static_cast<int>(kSm90Keys / kStep); ++k)
#pragma unroll
    for (int i = 0; i < 4; ++i) weights[k][i] = pack<T>(scores[8 * k + 2 * i], scores[8 * k + 2 * i + 1]);
}

template <int D>
__device__ __forceinline__ void correct(float (&out)[D / 2], const float (&correction)[2]) {
#pragma unroll
  for (int i = 0; i < D / 2; ++i) out[i] *= correction[i / 2 % 2];
}

// Divides by the sums and lays the warp's 16 rows where its queries were, swizzled like them; from there to
// memory, 16 bytes a lane. `first` is the warp's first row in the block.
template <typename T, int D>
__device__ __forceinline__ void store_rows(const float (&out)[D / 2], const float (&sum)[2], SharedLayout<D> at,
                                           const AttentionParams& p, int first) {
  constexpr int kChunk = 8;  // numbers in 16 bytes
  const auto chunk_at = [&](int row, int chunk) {
    const int box = chunk / 8, permuted = chunk % 8 ^ row % kSwizzleRows;
    return at.query + static_cast<uint32_t>(box) * kQueryBox +
           static_cast<uint32_t>(row * kBoxRowBytes + permuted * 16);
  };
  const int lane = lane_index();
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float inverse = sum[half] > 0 ? 1.0f / sum[half] : 0.0f;
#pragma unroll
    for (int n = 0; n < D / kChunk; ++n)
      store_shared(chunk_at(first + half * 8 + lane / 4, n) + static_cast<uint32_t>(lane % 4 * 4),
                   pack<T>(out[4 * n + 2 * half] * inverse, out[4 * n + 2 * half + 1] * inverse));
  }
  sync_warp();
  constexpr int kChunks = D / kChunk;
  uint16_t* const to = static_cast<uint16_t*>(p.out) + block_z() * p.out_strides.batch + block_y() * p.out_strides.head;
#pragma unroll
  for (int i = lane; i < 16 * kChunks; i += 32) {
    const int row = first + i / kChunks, chunk = i % kChunks;
    const int64_t query = int64_t{block_x()} * kSm90Queries + row;
    if (query < p.queries)
      store_global(to + query * p.out_strides.token + chunk * kChunk, load_shared<Words<4>>(chunk_at(row, chunk)));
  }
}

__device__ __forceinline__ void store_log_sum_exp(const Softmax& softmax, const float (&sum)[2],
                                                  const AttentionParams& p, int first) {
  if (!p.log_sum_exp || lane_index() % 4 != 0) return;
  float* const row = p.log_sum_exp + (static_cast<int64_t>(block_z()) * p.heads + block_y()) * p.queries;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int query = block_x() * kSm90Queries + first + half * 8 + lane_index() / 4;
    if (query < p.queries) store_global(row + query, (softmax.maximum[half] * softmax.unit + log2f(sum[half])) * kLn2);
  }
}

template <typename T, int D>
__device__ __forceinline__ void consume(SharedLayout<D> at, const AttentionParams& p) {
  const int warpgroup = warp_index() / 4 - 1;
  const uint32_t queries = at.query + static_cast<uint32_t>(warpgroup * 64 * kBoxRowBytes);
  const int tiles = tile_count(p.keys);
  float scores[kSm90Keys / 2], out[D / 2] = {}, correction[2];
  uint32_t weights[kSm90Keys / kStep][4];
  Softmax softmax{.unit = p.scale * kLog2E};
  const auto finish_scores = [&](int tile) {  // every product with this tile's keys is over
    settle(scores);
    release(at.keys_free(place_of(tile).stage));
    if (p.key_bias || (tile + 1) * kSm90Keys > p.keys) add_bias(scores, p, tile * kSm90Keys);
    softmax.soften(scores, correction);
  };

  wait_barrier(at.query_full(), 0);
  wait_barrier(at.keys_full(0), 0);
  start_scores<T, D>(scores, queries, at.keys(0));
  wait_matrices<0>();
  finish_scores(0);
  pack_weights<T>(weights, scores);
  for (int tile = 1; tile < tiles; ++tile) {
    const Place now = place_of(tile), before = place_of(tile - 1);
    wait_barrier(at.keys_full(now.stage), now.parity);
    start_scores<T, D>(scores, queries, at.keys(now.stage));
    wait_barrier(at.values_full(before.stage), before.parity);
    start_values<T, D>(out, weights, at.values(before.stage));
    wait_matrices<1>();
    finish_scores(tile);
    wait_matrices<0>();
    settle(out);
    release(at.values_free(before.stage));
    correct<D>(out, correction);
    pack_weights<T>(weights, scores);
  }
  const Place last = place_of(tiles - 1);
  wait_barrier(at.values_full(last.stage), last.parity);
  start_values<T, D>(out, weights, at.values(last.stage));
  wait_matrices<0>();
  settle(out);

  const float sum[2] = {lanes_sum(softmax.sum[0], kQuad), lanes_sum(softmax.sum[1], kQuad)};
  const int first = warpgroup * 64 + warp_index() % 4 * 16;
  store_log_sum_exp(softmax, sum, p, first);
  sync_threads(1 + warpgroup, kWarpgroup);  // all of its products with the queries are over
  store_rows<T, D>(out, sum, at, p, first);
}

template <typename T, int D>
__global__ void __launch_bounds__(kSm90Threads, 1)
    attention_sm90_kernel(const AttentionParams p, const __grid_constant__ TensorMap query_map,
                          const __grid_constant__ TensorMap key_map, const __grid_constant__ TensorMap value_map) {
  const SharedLayout<D> at{shared_memory()};
  make_barriers(at);
  if (warp_index() < 4) {
    give_registers<kSm90ProducerRegisters>();
    if (thread_index() == 0) produce(at, p.keys, query_map, key_map, value_map);
  } else {
    take_registers<kSm90ConsumerRegisters>();
    consume<T, D>(at, p);
  }
}

TensorMap boxes_of(const AttentionParams& p, const void* data, const Strides& strides, int tokens, int rows) {
  return make_tensor_map({.data = data,
                          .size = {p.head_dim, tokens, p.heads, p.batch},
                          .stride_bytes = {2 * strides.token, 2 * strides.head, 2 * strides.batch},
                          .rows = rows});
}

template <typename T, int D>
void launch_sm90(const AttentionParams& p, Stream stream) {
  const LaunchShape shape{.grid = {(p.queries + kSm90Queries - 1) / kSm90Queries, p.heads, p.batch},
                          .threads = kSm90Threads,
                          .shared_bytes = attention_sm90_shared_bytes(D)};
  launch<attention_sm90_kernel<T, D>>(shape, stream, p, boxes_of(p, p.query, p.query_strides, p.queries, kSm90Queries),
                                      boxes_of(p, p.key, p.key_strides, p.keys, kSm90Keys),
                                      boxes_of(p, p.value, p.value_strides, p.keys, kSm90Keys));
}

}  // namespace

void attention_sm90(const AttentionParams& p, const Card&, Stream stream) {
  if (p.element == Element::bf16)
    p.head_dim == 64 ? launch_sm90<Bf16, 64>(p, stream) : launch_sm90<Bf16, 128>(p, stream);
  else
    p.head_dim == 64 ? launch_sm90<Half, 64>(p, stream) : launch_sm90<Half, 128>(p, stream);
}

}  // namespace soragen::kernels
