// softmax(q k^T / sqrt(D) + bias) v, no mask, not causal. One front door; which kernel computes it is a table.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <string_view>

namespace soragen::ops {

struct AttentionArgs {
  at::Tensor query;     // [B, L, N, D], views allowed while D is dense
  at::Tensor key;       // [B, S, N, D]
  at::Tensor value;     // [B, S, N, D]
  at::Tensor key_bias;  // [S] float32 added to the score of each key, or undefined
};

at::Tensor attention(const AttentionArgs& args);  // -> [B, L, N * D], dense

struct AttentionKernel {
  std::string_view name;
  std::string (*refusal)(const AttentionArgs&);  // why it does not take these arguments; "": it does
  at::Tensor (*run)(const AttentionArgs&);
};

std::span<const AttentionKernel> attention_kernels();  // in the order in which "auto" asks them

// For every call from here on, in the whole process, like the number of threads: a kernel's name, which is then taken or
// the call fails with the kernel's reason, or "auto", the first that takes the arguments and gains from its own form.
// Throws Error{usage} naming the valid names.
void choose_attention(std::string_view name);

}  // namespace soragen::ops
