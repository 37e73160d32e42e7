#include "ops/int8_weight.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/empty.h>

#include <algorithm>

#include "core/fail.h"

namespace soragen::ops {
namespace {

constexpr int64_t kGroup = 128;
constexpr double kLargest = 127;
constexpr double kSmallestScale = 1e-30;  // a group of zeros has a scale too

int64_t group_of(int64_t in) { return in % kGroup == 0 ? kGroup : in; }

}  // namespace

Int8Weight to_int8(const at::Tensor& weight) {
  SORAGEN_ASSERT(weight.dim() == 2);
  constexpr int64_t kNumbersAtOnce = int64_t{1} << 20;
  const int64_t out = weight.size(0), in = weight.size(1), group = group_of(in), groups = in / group;
  const int64_t rows_at_once = std::max<int64_t>(1, kNumbersAtOnce / in);
  const Int8Weight packed{.values = at::empty({out, groups, group}, weight.options().dtype(at::kChar)),
                          .scales = at::empty({out, groups, 1}, weight.options())};
  for (int64_t row = 0; row < out; row += rows_at_once) {
    const int64_t rows = std::min(rows_at_once, out - row);
    const at::Tensor part = weight.narrow(0, row, rows).to(at::kFloat).reshape({rows, groups, group});
    const at::Tensor scale = packed.scales.narrow(0, row, rows);
    scale.copy_((part.abs().amax(-1, /*keepdim=*/true) / kLargest).clamp_min(kSmallestScale));
    // By the scale as it is kept: in bfloat16 the largest number may come out as 127.5 and is cut.
    packed.values.narrow(0, row, rows).copy_((part / scale.to(at::kFloat)).round().clamp(-kLargest, kLargest));
  }
  return packed;
}

at::Tensor from_int8(const Int8Weight& weight) { return (weight.values * weight.scales).flatten(1); }

int64_t int8_bytes(int64_t out, int64_t in, int64_t element) { return out * (in + in / group_of(in) * element); }

}  // namespace soragen::ops
