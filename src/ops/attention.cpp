#include "ops/attention.h"

#include <ATen/Parallel.h>
#include <ATen/cpu/Utils.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "core/fail.h"
#include "kernels/attention_cpu/attention_cpu.h"
#include "ops/attention_cuda.h"
#include "ops/cuda_kernels.h"

namespace soragen::ops {
namespace {

std::string no_refusal(const AttentionArgs&) { return ""; }
bool always(const AttentionArgs&) { return true; }
bool never(const AttentionArgs&) { return false; }

at::Tensor run_aten(const AttentionArgs& args) {
  const at::Tensor &q = args.query, &k = args.key, &v = args.value;
  std::optional<at::Tensor> mask;
  if (args.key_bias.defined())  // [S] -> [B, N, L, S], a view
    mask = args.key_bias.to(q.scalar_type())
               .view({1, 1, 1, k.size(1)})
               .expand({q.size(0), q.size(2), q.size(1), k.size(1)});
  const at::Tensor out =
      at::scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), mask);
  return out.transpose(1, 2).reshape({q.size(0), q.size(1), q.size(2) * q.size(3)});
}

template <typename T>
at::Tensor run_tiled_in(const AttentionArgs& args) {
  const at::Tensor &q = args.query, &k = args.key, &v = args.value;
  const int64_t heads = q.size(2), dim = q.size(3);
  const at::Tensor out = at::empty({q.size(0), q.size(1), heads * dim}, q.options());
  const at::Tensor bias = args.key_bias.defined() ? args.key_bias.to(at::kFloat).contiguous() : at::Tensor();
  kernels::AttentionCpu<T> kernel(k.size(1), dim);
  const auto at_head = [](const at::Tensor& x, int64_t batch, int64_t head) {
    return static_cast<T*>(x.data_ptr()) + batch * x.stride(0) + head * x.stride(2);
  };
  for (int64_t batch = 0; batch < q.size(0); ++batch)
    for (int64_t n = 0; n < heads; ++n) {
      const kernels::AttentionHead<T> head{.query = at_head(q, batch, n),
                                           .key = at_head(k, batch, n),
                                           .value = at_head(v, batch, n),
                                           .out = static_cast<T*>(out.data_ptr()) + batch * out.stride(0) + n * dim,
                                           .query_stride = q.stride(1),
                                           .key_stride = k.stride(1),
                                           .value_stride = v.stride(1),
                                           .out_stride = out.stride(1),
                                           .key_bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                                           .queries = q.size(1),
                                           .scale = 1.0f / std::sqrt(static_cast<float>(dim))};
      at::parallel_for(0, kernel.key_blocks(), 1, [&](int64_t begin, int64_t end) { kernel.pack(head, begin, end); });
      at::parallel_for(0, kernel.query_blocks(q.size(1)), 1,
                       [&](int64_t begin, int64_t end) { kernel.attend(head, begin, end); });
    }
  return out;
}

std::string tiled_refusal(const AttentionArgs& args) {
  const at::Tensor& q = args.query;
  if (!q.is_cpu()) return "it runs on the processor; these tensors are elsewhere";
  for (const at::Tensor& x : {q, args.key, args.value})
    if (x.stride(3) != 1) return "the numbers of a head are not side by side";
  if (q.scalar_type() == at::kFloat) return kernels::AttentionCpu<float>::support(q.size(3)).why;
  if (q.scalar_type() == at::kBFloat16) return kernels::AttentionCpu<kernels::Bf16>::support(q.size(3)).why;
  return "element type " + std::string(c10::toString(q.scalar_type())) + "; float and bfloat16 are built";
}

at::Tensor run_tiled(const AttentionArgs& args) {
  return args.query.scalar_type() == at::kFloat ? run_tiled_in<float>(args) : run_tiled_in<kernels::Bf16>(args);
}

// Where the processor has AMX, ATen's products in bf16 run on it: 1076 GFLOP/s where vdpbf16ps reaches 204 (7,800
// tokens, D 128, two cores of a Xeon). A bias, which ATen would round to bf16, comes with few keys.
bool tiled_gains(const AttentionArgs& args) {
  static const bool has_amx = [] {
    const auto capabilities = at::cpu::get_cpu_capabilities();
    const auto found = capabilities.find("amx_bf16");
    return found != capabilities.end() && found->second.isBool() && found->second.toBool();
  }();
  return !has_amx || args.query.scalar_type() != at::kBFloat16 || args.key_bias.defined();
}

constexpr AttentionKernel kKernels[] = {
    {"tiled", tiled_gains, tiled_refusal, run_tiled},
    {"aten", always, no_refusal, run_aten},
    {"sm80", never, sm80_refusal, run_sm80},
    {"sm90", never, sm90_refusal, run_sm90},
};

// For self_attention() alone: `kept` is the share of the key blocks that a block of queries attends to.
struct Int8Form {
  std::string_view name;
  double kept;
};
constexpr Int8Form kInt8Forms[] = {{"int8", 1.0}, {"int8-sparse", 0.5}};

std::atomic<const AttentionKernel*> chosen = nullptr;  // null: auto
std::atomic<const Int8Form*> chosen_int8 = nullptr;

template <typename T, size_t N>
const T* find_named(const T (&table)[N], std::string_view name) {
  const T* const found = std::ranges::find(table, name, &T::name);
  return found == std::end(table) ? nullptr : found;
}

}  // namespace

std::span<const AttentionKernel> attention_kernels() { return kKernels; }

bool is_cuda_attention(std::string_view name) {
  return name == "sm80" || name == "sm90" || find_named(kInt8Forms, name) != nullptr;
}

void choose_attention(std::string_view name) {
  const AttentionKernel* const kernel = find_named(kKernels, name);
  const Int8Form* const int8 = find_named(kInt8Forms, name);
  if (kernel == nullptr && int8 == nullptr && name != "auto") {
    std::vector<std::string_view> names = {"auto"};
    for (const AttentionKernel& known : kKernels) names.push_back(known.name);
    for (const Int8Form& known : kInt8Forms) names.push_back(known.name);
    fail(ErrorKind::usage, "--attention {} is not valid; use one of {}", name, fmt::join(names, ", "));
  }
  chosen = kernel;
  chosen_int8 = int8;
}

at::Tensor attention(const AttentionArgs& args) {
  const at::Tensor &q = args.query, &k = args.key, &v = args.value;
  SORAGEN_ASSERT(q.dim() == 4 && k.dim() == 4 && k.sizes() == v.sizes());
  SORAGEN_ASSERT(q.size(0) == k.size(0) && q.size(2) == k.size(2) && q.size(3) == k.size(3));
  if (const AttentionKernel* kernel = chosen) {
    if (const std::string why = kernel->refusal(args); !why.empty())
      fail(ErrorKind::unsupported, "--attention {} cannot compute this model: {}", kernel->name, why);
    return kernel->run(args);
  }
  for (const AttentionKernel& kernel : kKernels)
    if (kernel.in_auto(args) && kernel.refusal(args).empty()) return kernel.run(args);
  fail(ErrorKind::internal, "no attention kernel takes these tensors");
}

at::Tensor self_attention(const SelfAttentionArgs& args) {
  SORAGEN_ASSERT(args.qkv.dim() == 5 && args.qkv.size(2) == 3 && args.qkv.is_contiguous());
  if (const Int8Form* const int8 = chosen_int8) {
    if (const std::string why = why_not(CudaKernel::attention_int8, args.qkv); !why.empty())
      fail(ErrorKind::unsupported, "--attention {} cannot compute this model: {}", int8->name, why);
    return int8_self_attention(args, int8->kept);
  }
  const at::Tensor q = args.qkv.select(2, 0), k = args.qkv.select(2, 1), v = args.qkv.select(2, 2);
  rms_rope_(q, args.norm_q, args.rotary, args.eps);
  rms_rope_(k, args.norm_k, args.rotary, args.eps);
  return attention({.query = q, .key = k, .value = v, .key_bias = {}});
}

}  // namespace soragen::ops
