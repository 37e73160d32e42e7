// The plug-in's attention kernels on tensors. What why_not() and these refusals allow; see cuda_kernels.h for the rule.
#pragma once

#include <string>

#include "ops/attention.h"

namespace soragen::ops {

std::string sm80_refusal(const AttentionArgs& args);
at::Tensor run_sm80(const AttentionArgs& args);
std::string sm90_refusal(const AttentionArgs& args);
at::Tensor run_sm90(const AttentionArgs& args);

// 8-bit queries and keys; the product stays as it is. Each block of queries attends to the share `kept` of the blocks
// of keys, (0, 1], by choose_key_blocks(). Throws Error{unsupported} with the kernels' reason.
at::Tensor int8_self_attention(const SelfAttentionArgs& args, double kept = 1.0);

}  // namespace soragen::ops
