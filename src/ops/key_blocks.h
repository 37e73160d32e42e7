// Which blocks of keys each block of queries attends to: kernels::select_key_blocks in ATen's operators, on the device
// where the tensors lie.
#pragma once

#include <ATen/core/Tensor.h>

namespace soragen::ops {

struct KeyBlockArgs {
  at::Tensor query, key;              // [B, L, N * D] int8, dense
  at::Tensor query_scale, key_scale;  // [B, N, L or more] float32
  int64_t heads = 0;                  // N
  float scale = 0;                    // of a score
  int64_t kept = 0;                   // 1 to the number of key blocks
};

at::Tensor choose_key_blocks(const KeyBlockArgs& args);  // -> [B, N, query blocks, kept] int32, each list ascending

}  // namespace soragen::ops
