#include "ops/frames.h"

#include <ATen/ops/empty.h>

#include "core/fail.h"
#include "kernels/causal_cache/causal_cache.h"
#include "kernels/rgb8/rgb8.h"
#include "ops/cuda_launch.h"

namespace soragen::ops {
namespace {

bool exchanged_by_kernel(const at::Tensor& buffer, int64_t past, const at::Tensor& cache, bool is_first) {
  if (!why_not(CudaKernel::causal_cache, buffer).empty()) return false;
  const kernels::CausalCacheArgs args{.buffer = buffer.data_ptr(),
                                      .cache = cache.data_ptr(),
                                      .plane_bytes = buffer.stride(0) * static_cast<int64_t>(buffer.element_size()),
                                      .past = past,
                                      .frames = buffer.size(0) - past,
                                      .first = is_first};
  if (!kernels::causal_cache_cuda_support(args)) return false;
  kernels::CudaFailure failure;
  cuda_kernels().table->causal_cache(&args, stream_of(buffer), &failure);
  check_launch(failure);
  return true;
}

}  // namespace

void exchange_past(const at::Tensor& buffer, int64_t past, at::Tensor& cache) {
  SORAGEN_ASSERT(buffer.is_contiguous() && past > 0 && buffer.size(0) > past);
  const bool is_first = !cache.defined();
  const at::Tensor front = buffer.narrow(0, 0, past);
  if (is_first) cache = at::empty(front.sizes(), buffer.options());
  SORAGEN_ASSERT(cache.is_contiguous() && cache.sizes() == front.sizes() && cache.dtype() == buffer.dtype());
  if (exchanged_by_kernel(buffer, past, cache, is_first)) return;
  if (is_first)
    front.zero_();
  else
    front.copy_(cache);
  cache.copy_(buffer.narrow(0, buffer.size(0) - past, past));
}

at::Tensor rgb8(const at::Tensor& values) {
  SORAGEN_ASSERT(values.dim() == 4 && values.size(3) == 3);
  const at::Tensor x = values.contiguous();
  at::Tensor out;
  const auto launch = [&](auto element, const auto& table, kernels::Stream stream, kernels::CudaFailure& failure) {
    out = at::empty(x.sizes(), x.options().dtype(at::kByte));
    const kernels::Rgb8Args<decltype(element)> args{.x = static_cast<const decltype(element)*>(x.data_ptr()),
                                                    .out = out.data_ptr<uint8_t>(),
                                                    .frames = x.size(0),
                                                    .height = x.size(1),
                                                    .width = x.size(2),
                                                    .patch = 1};
    if (!kernels::rgb8_cuda_support(args)) return false;
    table.rgb8(&args, stream, &failure);
    return true;
  };
  if (launched(CudaKernel::rgb8, x, launch)) return out;
  // As the reference's video processor: [-1, 1] to [0, 1], clamp, times 255, round half to even.
  return x.to(at::kFloat).mul(0.5).add_(0.5).clamp_(0.0, 1.0).mul_(255.0).round_().to(at::kByte);
}

}  // namespace soragen::ops
