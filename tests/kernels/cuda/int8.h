// Queries, keys and values on the card as rms_rope_int8 leaves them, made by ATen: for checks and timings.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include "kernels/attention_int8/attention_int8.h"

namespace soragen::kernels {

struct Int8Numbers {
  at::Tensor numbers;  // [B, L, N, D] int8
  at::Tensor scale;    // [B, N, L rounded up to 4], float

  at::Tensor dequantised() const;  // [B, L, N, D] double
};

// round(x / scale), scale = max |x| / 127 over the numbers of one head of one token.
Int8Numbers quantised(const at::Tensor& x);

// value and out are Half [B, S, N, D]; blocks is [B, N, query blocks, kept] int32 or undefined.
AttentionInt8Params attention_int8_params(const Int8Numbers& q, const Int8Numbers& k, const at::Tensor& value,
                                          const at::Tensor& out, const at::Tensor& bias = {},
                                          const at::Tensor& blocks = {});

}  // namespace soragen::kernels
