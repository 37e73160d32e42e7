// attention.h's formula from 8-bit queries and keys as rms_rope_int8 leaves them, dense or block-sparse:
//
//   score = (q8 . k8) * query_scale * key_scale * scale + key_bias        exact in int32, then float
//   out   = softmax(score) v                                              weights and values as Half
//
// The products with v are summed in Half over one tile of keys and in float over the tiles: on cards whose
// tensor cores are faster into Half (sm_86, 89, 120) that is the point, elsewhere it costs little. Half holds
// 65504, so |v| must stay below 65504 / kInt8KeyTile.
//
// Block-sparse: for each block of kAttentionQueries queries an ascending list of blocks of kKeyBlock keys,
// the only ones it attends to. select_key_blocks is a rule that needs no training: the softmax of every 16th
// query over every 8th key, and each query block keeps the `kept` key blocks with the largest weight. A block
// that is not kept is lost, and its weight is spread over the others.
#pragma once

#include <cstdint>

#include "kernels/attention/attention.h"
#include "kernels/element.h"

namespace soragen::kernels {

constexpr int kInt8KeyTile = 32;
constexpr int kKeyBlock = 64;
constexpr int kBlockSamples = 8;  // queries or keys of a block that select_key_blocks looks at

struct AttentionInt8Params {
  const int8_t* query = nullptr;       // [B, L, N, D] dense
  const int8_t* key = nullptr;         // [B, S, N, D] dense
  const Half* value = nullptr;         // [B, S, N, D] dense
  const float* query_scale = nullptr;  // [B, N, query_scale_stride]
  const float* key_scale = nullptr;    // [B, N, key_scale_stride]
  int64_t query_scale_stride = 0, key_scale_stride = 0;
  const float* key_bias = nullptr;      // [S] or null
  const int32_t* key_blocks = nullptr;  // [B, N, query blocks, kept] or null: all
  int kept = 0;                         // at least 1
  void* out = nullptr;                  // [B, L, N, D] by out_strides
  Strides out_strides;
  int batch = 0, heads = 0, queries = 0, keys = 0, head_dim = 0;
  Element element = Element::bf16;  // of out
  float scale = 0;
};

Support attention_int8_support(const AttentionInt8Params& params, const Card& card);
void attention_int8(const AttentionInt8Params& params, Stream stream);

// The specification: the same 8-bit numbers and blocks, everything after the integer products in double.
void attention_int8_ref(const AttentionInt8Params& params);

// Fills key_blocks (host memory) for params.kept blocks a query block, from params' queries, keys and scales.
void select_key_blocks(const AttentionInt8Params& params, int32_t* key_blocks);

constexpr int blocks_of(int count, int block) { return (count + block - 1) / block; }

}  // namespace soragen::kernels
