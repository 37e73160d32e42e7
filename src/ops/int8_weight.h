// A product's weight in 8 bits, for memory: half of bf16, a quarter of fp32, and half the copies of a streamed block.
// Every group of 128 numbers of a row (the whole row where 128 does not divide it) has one scale, its largest number
// over 127, so that a number is wrong by at most half a scale. The product is computed in the run's precision: the
// weight is spelled out before it, a pass over the weight that films of thousands of tokens do not notice.
//
// Why whole numbers and not fp8: numbers of a group spread like a bell whose largest is some three deviations away.
// 255 even steps across it err by 0.7 % of a deviation (root mean square), e4m3's three bits by 2.6 %, in as many
// bytes.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace soragen::ops {

struct Int8Weight {
  at::Tensor values;  // [out, groups, numbers of a group] int8
  at::Tensor scales;  // [out, groups, 1], of the run's dtype
};

// weight [out, in], float32 or bfloat16; scales get its dtype. Its temporaries are small.
Int8Weight to_int8(const at::Tensor& weight);
at::Tensor from_int8(const Int8Weight& weight);  // [out, in], of the scales' dtype

// Bytes of a weight [out, in] whose scales have `element` bytes.
int64_t int8_bytes(int64_t out, int64_t in, int64_t element);

}  // namespace soragen::ops
