// Tile geometry of the exact attention kernels, with reasons.
//
// sm_80: a block is four warps of 32 queries: two 16-row fragments a warp, so that each fragment of K and V read
// from shared memory feeds two products (with one the shared memory's 128 bytes a clock would be the
// limit: a 16x8x16 product takes two clocks of an A100's tensor cores, and so does reading its B fragment).
// Two blocks fill a multiprocessor's registers: 255 a thread, of which 32 rows of 128 float sums take 128 and
// 32 x 48 scores 48 (with 64 keys ptxas spills on sm_90 and sm_120).
#pragma once

#include <cstddef>

namespace soragen::kernels {

constexpr int kQuad = 4;  // neighbouring lanes that share the rows of a product's sums

constexpr int kAttentionWarps = 4;
constexpr int kAttentionQueries = 32 * kAttentionWarps;  // per block

// Queries, one tile of keys and one of values, 16 bits a number. One buffer each suffices: values load during
// q k^T, the next keys during the softmax and p v.
constexpr size_t attention_shared_bytes(int head_dim, int keys) {
  return sizeof(short) * static_cast<size_t>(head_dim) * static_cast<size_t>(kAttentionQueries + 2 * keys);
}

// Two blocks on a multiprocessor also hide each other's barriers. With D = 128 and 48 keys they need 114 KiB,
// which sm_80 and sm_90 have; sm_86, 89 and 120 have 100 KiB and take 32. 1 KiB a block is the system's.
constexpr int attention_key_tile(int head_dim, int shared_bytes_per_multiprocessor) {
  constexpr size_t kSystemBytes = 1024;
  if (head_dim == 64) return 64;
  const size_t two_blocks = 2 * (attention_shared_bytes(head_dim, 48) + kSystemBytes);
  return two_blocks <= static_cast<size_t>(shared_bytes_per_multiprocessor) ? 48 : 32;
}

// sm_90a: a block is two warpgroups of 64 queries and one that only starts copies. A thread holds 64 rows x 128
// keys of scores as 64 floats, as many sums at D = 128 and the last tile's weights as 32 words; the copying
// warpgroup gives its registers to them (24 x 128 + 240 x 256 = 64,512 of 65,536). Two stages of 128 keys and
// values with the queries take 160 KiB at D = 128, of the 227 KiB that a block may have.
constexpr int kSm90Warpgroups = 2, kSm90Queries = 64 * kSm90Warpgroups, kSm90Keys = 128, kSm90Stages = 2;
constexpr int kSm90Threads = 128 * (kSm90Warpgroups + 1);
constexpr int kSm90ProducerRegisters = 24, kSm90ConsumerRegisters = 240;

// Queries, the ring of key and value tiles, and one barrier for the queries, four a stage.
constexpr size_t attention_sm90_shared_bytes(int head_dim) {
  return sizeof(short) * static_cast<size_t>(head_dim) *
             static_cast<size_t>(kSm90Queries + 2 * kSm90Stages * kSm90Keys) +
         8 * (1 + 4 * kSm90Stages);
}

}  // namespace soragen::kernels
