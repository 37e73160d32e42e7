// softmax(q k^T / sqrt(D) + bias) v, no mask, not causal. One front door; which kernel computes it is a table.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <string_view>

#include "ops/norm.h"

namespace soragen::ops {

struct AttentionArgs {
  at::Tensor query;     // [B, L, N, D], views allowed while D is dense
  at::Tensor key;       // [B, S, N, D]
  at::Tensor value;     // [B, S, N, D]
  at::Tensor key_bias;  // [S] float32 added to the score of each key, or undefined
};

at::Tensor attention(const AttentionArgs& args);  // -> [B, L, N * D], dense

// Attention of a sequence to itself from one product: RMS norm of queries and keys over all heads, rotation, attention.
struct SelfAttentionArgs {
  at::Tensor qkv;             // [B, L, 3, N, D], dense; its queries and keys may be changed
  at::Tensor norm_q, norm_k;  // [N * D] float32
  Rotary rotary;
  double eps = 0;
};

at::Tensor self_attention(const SelfAttentionArgs& args);  // -> [B, L, N * D], dense

struct AttentionKernel {
  std::string_view name;
  bool (*in_auto)(const AttentionArgs&);  // else only by name: not yet measured against what auto takes, or slower here
  std::string (*refusal)(const AttentionArgs&);  // why it does not take these arguments; "": it does
  at::Tensor (*run)(const AttentionArgs&);
};

std::span<const AttentionKernel> attention_kernels();  // in the order in which "auto" asks them

// For every call from here on, in the whole process, like the number of threads: a kernel's name, which is then taken
// or the call fails with the kernel's reason, or "auto", the first that takes the arguments and gains from its own
// form. "int8" and "int8-sparse" are for self_attention() alone, attention() then goes by auto. Throws Error{usage}
// naming the valid names.
void choose_attention(std::string_view name);
// Whether the name is of a kernel of the CUDA plug-in, whose self-test must have passed (ops/cuda_kernels.h).
bool is_cuda_attention(std::string_view name);

}  // namespace soragen::ops
