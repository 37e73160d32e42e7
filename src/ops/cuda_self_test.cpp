#include "ops/cuda_self_test.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/sin.h>
#include <fmt/format.h>

#include <cmath>

#include "ops/attention_cuda.h"
#include "ops/cuda_self_test_bench.h"
#include "ops/norm.h"

namespace soragen::ops {
namespace {

using kernels::Bf16;
using kernels::CudaFailure;
using kernels::Half;

constexpr int64_t kRows = 37, kHeads = 2, kHeadDim = 128, kWidth = kHeads * kHeadDim, kKeys = 77;

template <typename T>
void test_layer_norm(Bench& bench, const kernels::FusedCudaKernels<T>& table) {
  const Twin x = bench.drawn({kRows, kWidth}, Type<T>::scalar), update = bench.drawn({kRows, kWidth}, Type<T>::scalar),
             gate = bench.drawn({kWidth}, at::kFloat), scale = bench.drawn({kWidth}, at::kFloat),
             shift = bench.drawn({kWidth}, at::kFloat), out = bench.twin(at::empty_like(x.host));
  const auto args = [&](auto side) {
    return kernels::LayerNormArgs<T>{.x = data<T>(side(x)),
                                     .update = data<T>(side(update)),
                                     .gate = data<float>(side(gate)),
                                     .scale = data<float>(side(scale)),
                                     .shift = data<float>(side(shift)),
                                     .out = data<T>(side(out)),
                                     .width = kWidth,
                                     .eps = 1e-6f};
  };
  bench.compare(
      std::string("layer_norm ") + Type<T>::name, CudaKernel::layer_norm, out, {Type<T>::place + kFloatError},
      [&](kernels::Stream stream, CudaFailure& failure) {
        const auto device_args = args([](const Twin& twin) { return twin.device; });
        table.layer_norm(&device_args, kRows, stream, &failure);
      },
      [&] { kernels::layer_norm_ref(args([](const Twin& twin) { return twin.host; }), 0, kRows); });
}

template <typename T>
void test_rms_rope(Bench& bench, const kernels::FusedCudaKernels<T>& table) {
  const Twin x = bench.drawn({kRows, kWidth}, Type<T>::scalar), weight = bench.drawn({kWidth}, at::kFloat);
  const at::Tensor angles = bench.drawn({kRows, kHeadDim / 2}, at::kFloat).host;
  const Twin cos = bench.twin(at::cos(angles)), sin = bench.twin(at::sin(angles));
  const auto args = [&](auto side) {
    return kernels::RmsRopeArgs<T>{.x = data<T>(side(x)),
                                   .stride = kWidth,
                                   .weight = data<float>(side(weight)),
                                   .cos = data<float>(side(cos)),
                                   .sin = data<float>(side(sin)),
                                   .tokens = kRows,
                                   .heads = kHeads,
                                   .head_dim = kHeadDim,
                                   .eps = 1e-6f};
  };
  bench.compare(
      std::string("rms_rope ") + Type<T>::name, CudaKernel::rms_rope, x, {Type<T>::place + kFloatError},
      [&](kernels::Stream stream, CudaFailure& failure) {
        const auto device_args = args([](const Twin& twin) { return twin.device; });
        table.rms_rope(&device_args, kRows, stream, &failure);
      },
      [&] { kernels::rms_rope_ref(args([](const Twin& twin) { return twin.host; }), 0, kRows); });
}

template <typename T>
void test_pointwise(Bench& bench, const kernels::FusedCudaKernels<T>& table) {
  const Twin x = bench.drawn({kRows, kWidth}, Type<T>::scalar), gamma = bench.drawn({kWidth}, at::kFloat),
             silu = bench.twin(at::empty_like(x.host)), gelu = bench.twin(at::empty_like(x.host));
  const auto norm_args = [&](auto side) {
    return kernels::RmsSiluArgs<T>{
        .x = data<T>(side(x)), .gamma = data<float>(side(gamma)), .out = data<T>(side(silu)), .channels = kWidth};
  };
  const auto gelu_args = [&](auto side) {
    return kernels::GeluArgs<T>{.x = data<T>(side(x)), .out = data<T>(side(gelu)), .count = kRows * kWidth};
  };
  const auto host = [](const Twin& twin) { return twin.host; };
  const auto device = [](const Twin& twin) { return twin.device; };
  bench.compare(
      std::string("rms_silu ") + Type<T>::name, CudaKernel::rms_silu, silu, {Type<T>::place + kFloatError},
      [&](kernels::Stream stream, CudaFailure& failure) {
        const auto args = norm_args(device);
        table.rms_silu(&args, kRows, stream, &failure);
      },
      [&] { kernels::rms_silu_ref(norm_args(host), 0, kRows); });
  bench.compare(
      std::string("gelu ") + Type<T>::name, CudaKernel::gelu, gelu, {Type<T>::place + kFloatError},
      [&](kernels::Stream stream, CudaFailure& failure) {
        const auto args = gelu_args(device);
        table.gelu(&args, stream, &failure);
      },
      [&] { kernels::gelu_ref(gelu_args(host)); });
}

// Bytes are the same or not: both round once, in the same arithmetic.
template <typename T>
void test_rgb8(Bench& bench, const kernels::FusedCudaKernels<T>& table) {
  const Twin x = bench.drawn({1, 3, kWidth / 4, 3}, Type<T>::scalar),
             out = bench.twin(at::empty(x.host.sizes(), at::kByte));
  const auto args = [&](auto side) {
    return kernels::Rgb8Args<T>{
        .x = data<T>(side(x)), .out = data<uint8_t>(side(out)), .frames = 1, .height = 3, .width = kWidth / 4};
  };
  bench.compare(
      std::string("rgb8 ") + Type<T>::name, CudaKernel::rgb8, out, {.relative = 0.5 / 255, .largest = 255},
      [&](kernels::Stream stream, CudaFailure& failure) {
        const auto device_args = args([](const Twin& twin) { return twin.device; });
        table.rgb8(&device_args, stream, &failure);
      },
      [&] { kernels::rgb8_ref(args([](const Twin& twin) { return twin.host; })); });
}

// One new frame behind two past ones, the case in which old and new cache share a frame; the cache lies behind the
// buffer. Numbers are moved, so none may change by a place.
void test_causal_cache(Bench& bench, const kernels::CudaPlugin& table) {
  constexpr int64_t kPast = 2, kFrames = 1;
  const Twin memory = bench.drawn({2 * kPast + kFrames, kWidth}, at::kFloat);
  const auto args = [&](const at::Tensor& x) {
    return kernels::CausalCacheArgs{.buffer = x.data_ptr(),
                                    .cache = x[kPast + kFrames].data_ptr(),
                                    .plane_bytes = kWidth * static_cast<int64_t>(sizeof(float)),
                                    .past = kPast,
                                    .frames = kFrames};
  };
  bench.compare(
      "causal_cache", CudaKernel::causal_cache, memory, {Type<float>::place / 2},
      [&](kernels::Stream stream, CudaFailure& failure) {
        const auto device_args = args(memory.device);
        table.causal_cache(&device_args, stream, &failure);
      },
      [&] { kernels::causal_cache_ref(args(memory.host)); });
}

// Weights are rounded to T before they meet the values, which average to at most the largest: one place of that, and
// one for the rounding of the result.
template <typename T>
void test_attention(Bench& bench, CudaKernel kernel, decltype(kernels::CudaPlugin::attention_sm80) run,
                    const kernels::Card& card) {
  const at::ScalarType type = Type<T>::scalar;
  const Twin query = bench.drawn({kRows, kHeads, kHeadDim}, type), key = bench.drawn({kKeys, kHeads, kHeadDim}, type),
             value = bench.drawn({kKeys, kHeads, kHeadDim}, type), bias = bench.drawn({kKeys}, at::kFloat),
             out = bench.twin(at::empty_like(query.host));
  const kernels::Strides strides{.batch = 0, .token = kWidth, .head = kHeadDim};
  const auto params = [&](auto side) {
    return kernels::AttentionParams{.query = side(query).data_ptr(),
                                    .key = side(key).data_ptr(),
                                    .value = side(value).data_ptr(),
                                    .out = side(out).data_ptr(),
                                    .query_strides = strides,
                                    .key_strides = strides,
                                    .value_strides = strides,
                                    .out_strides = strides,
                                    .key_bias = data<float>(side(bias)),
                                    .batch = 1,
                                    .heads = kHeads,
                                    .queries = kRows,
                                    .keys = kKeys,
                                    .head_dim = kHeadDim,
                                    .element = type == at::kHalf ? kernels::Element::half : kernels::Element::bf16,
                                    .scale = 1.0f / std::sqrt(static_cast<float>(kHeadDim))};
  };
  bench.compare(
      fmt::format("{} {}", name_of(kernel), Type<T>::name), kernel, out,
      {2 * Type<T>::place + kFloatError, largest(value.host)},
      [&](kernels::Stream stream, CudaFailure& failure) {
        const auto device_params = params([](const Twin& twin) { return twin.device; });
        run(&device_params, &card, stream, &failure);
      },
      [&] { kernels::attention_ref(params([](const Twin& twin) { return twin.host; })); });
}

// Norm, rotation, quantisation and attention as the front door runs them, against exact attention: the angle between
// the two, as the film sees it.
template <typename T>
void test_int8(Bench& bench) {
  constexpr double kAllowed = 1e-3;  // of 1 - cosine; 8 bits a number leave a tenth of that
  const at::ScalarType type = Type<T>::scalar;
  const Twin qkv = bench.drawn({1, kKeys, 3, kHeads, kHeadDim}, type), norm = bench.drawn({2, kWidth}, at::kFloat);
  const at::Tensor angles = bench.drawn({kKeys, kHeadDim / 2}, at::kFloat).host;
  const Twin cos = bench.twin(at::cos(angles)), sin = bench.twin(at::sin(angles));
  CudaKernelTest test{.name = std::string("attention_int8 ") + Type<T>::name,
                      .kernel = CudaKernel::attention_int8,
                      .error = 0,
                      .problem = ""};
  try {
    const at::Tensor found = int8_self_attention({.qkv = qkv.device,
                                                  .norm_q = norm.device[0],
                                                  .norm_k = norm.device[1],
                                                  .rotary = {cos.device, sin.device},
                                                  .eps = 1e-6})
                                 .to(at::kCPU, at::kDouble);
    const at::Tensor wide = qkv.host.to(at::kFloat);
    for (int64_t part = 0; part < 2; ++part)
      rms_rope_(wide.select(2, part), norm.host[part], {cos.host, sin.host}, 1e-6);
    const auto heads_first = [&](int64_t part) { return wide.select(2, part).to(at::kDouble).transpose(1, 2); };
    const at::Tensor truth = at::scaled_dot_product_attention(heads_first(0), heads_first(1), heads_first(2))
                                 .transpose(1, 2)
                                 .reshape(found.sizes());
    const double cosine = (found * truth).sum().item<double>() /
                          std::sqrt(found.square().sum().item<double>() * truth.square().sum().item<double>());
    test.error = std::isfinite(cosine) ? (1 - cosine) / kAllowed : INFINITY;
  } catch (const std::exception& error) {
    test.problem = first_line(error.what());
  }
  bench.tests.push_back(std::move(test));
}

template <typename T>
void test_fused(Bench& bench, const kernels::FusedCudaKernels<T>& table) {
  test_layer_norm<T>(bench, table);
  test_rms_rope<T>(bench, table);
  test_pointwise<T>(bench, table);
  test_rgb8<T>(bench, table);
}

}  // namespace

std::vector<CudaKernelTest> run_cuda_self_tests(const CudaKernelSet& set) {
  Bench bench(set);
  test_fused<float>(bench, set.table->float32);
  test_fused<Bf16>(bench, set.table->bf16);
  test_fused<Half>(bench, set.table->half);
  test_attention<Bf16>(bench, CudaKernel::attention_sm80, set.table->attention_sm80, set.card);
  test_attention<Half>(bench, CudaKernel::attention_sm80, set.table->attention_sm80, set.card);
  if (kernels::attention_sm90_card_support(set.card)) {
    test_attention<Bf16>(bench, CudaKernel::attention_sm90, set.table->attention_sm90, set.card);
    test_attention<Half>(bench, CudaKernel::attention_sm90, set.table->attention_sm90, set.card);
  }
  test_causal_cache(bench, *set.table);
  test_int8<Bf16>(bench);
  test_int8<Half>(bench);
  return std::move(bench.tests);
}

}  // namespace soragen::ops
