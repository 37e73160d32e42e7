// Attention on a processor with AVX-512: out = softmax(q k^T * scale + key_bias) v, exact, not causal, one head at a
// time.
//
// Products in the element's own precision with float sums (bf16: vdpbf16ps, two numbers a lane), softmax in float. As
// in every flash attention the weights are rounded to the element before they meet v, and no matrix of all scores
// exists: blocks of queries walk over blocks of keys (Dao et al. 2022, arXiv 2205.14135). attention/attention.h has the
// contract of the same function and attention_ref.cpp its specification.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "kernels/element.h"
#include "kernels/support.h"

namespace soragen::kernels {

template <typename T>
struct AttentionHead {
  const T* query = nullptr;  // token i at query + i * query_stride: head_dim numbers, dense
  const T* key = nullptr;
  const T* value = nullptr;
  T* out = nullptr;
  int64_t query_stride = 0, key_stride = 0, value_stride = 0, out_stride = 0;  // elements
  const float* key_bias = nullptr;                                             // [keys], natural units, or null
  int64_t queries = 0;
  float scale = 0;
};

// T: float or Bf16. One object serves head after head of one shape; pack() and attend() may run in several threads on
// different ranges, attend() once every block is packed.
template <typename T>
class AttentionCpu {
 public:
  static Support support(int64_t head_dim);

  AttentionCpu(int64_t keys, int64_t head_dim);
  int64_t key_blocks() const;
  static int64_t query_blocks(int64_t queries);

  void pack(const AttentionHead<T>& head, int64_t begin_block, int64_t end_block);
  void attend(const AttentionHead<T>& head, int64_t begin_block, int64_t end_block) const;

 private:
  struct Free {
    void operator()(float* memory) const;
  };
  using Lanes = std::unique_ptr<float[], Free>;  // 64-byte aligned; one number or a pair of bf16 in each

  int64_t keys_, head_dim_;
  Lanes packed_keys_, packed_values_, bias_;
};

}  // namespace soragen::kernels
