#include "ops/attention_cuda.h"

#include <ATen/ops/empty.h>

#include <cmath>

#include "core/fail.h"
#include "ops/cuda_kernels.h"
#include "ops/key_blocks.h"

namespace soragen::ops {
namespace {

using kernels::Bf16;
using kernels::Half;

std::string type_refusal(const at::Tensor& x) {
  if (x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf) return "";
  return "element type " + std::string(c10::toString(x.scalar_type())) + "; bfloat16 and half are built";
}

kernels::Element element_of(const at::Tensor& x) {
  return x.scalar_type() == at::kHalf ? kernels::Element::half : kernels::Element::bf16;
}

kernels::Strides strides_of(const at::Tensor& x) {  // [B, L, N, D]
  return {.batch = x.stride(0), .token = x.stride(1), .head = x.stride(2)};
}

float scale_of(int64_t head_dim) { return 1.0f / std::sqrt(static_cast<float>(head_dim)); }

kernels::AttentionParams exact_params(const AttentionArgs& args, const at::Tensor& bias, const at::Tensor& out) {
  const at::Tensor &q = args.query, &k = args.key, &v = args.value;
  const int64_t heads = q.size(2), dim = q.size(3);
  return {.query = q.const_data_ptr(),
          .key = k.const_data_ptr(),
          .value = v.const_data_ptr(),
          .out = out.data_ptr(),
          .query_strides = strides_of(q),
          .key_strides = strides_of(k),
          .value_strides = strides_of(v),
          .out_strides = {.batch = q.size(1) * heads * dim, .token = heads * dim, .head = dim},
          .key_bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr,
          .batch = static_cast<int>(q.size(0)),
          .heads = static_cast<int>(heads),
          .queries = static_cast<int>(q.size(1)),
          .keys = static_cast<int>(k.size(1)),
          .head_dim = static_cast<int>(dim),
          .element = element_of(q),
          .scale = scale_of(dim)};
}

[[noreturn]] void refuse_int8(const std::string& why) {
  fail(ErrorKind::unsupported, "--attention int8 cannot compute this model: {}", why);
}

at::Tensor empty_result(const at::Tensor& q) {
  return at::empty({q.size(0), q.size(1), q.size(2) * q.size(3)}, q.options());
}

std::string exact_refusal(const AttentionArgs& args, CudaKernel kernel,
                          decltype(kernels::attention_sm80_support) support) {
  if (std::string why = why_not(kernel, args.query); !why.empty()) return why;
  if (std::string why = type_refusal(args.query); !why.empty()) return why;
  for (const at::Tensor& x : {args.query, args.key, args.value})
    if (x.stride(3) != 1) return "the numbers of a head are not side by side";
  // The result's memory is made later; the query's stands for it, fresh memory is aligned no worse.
  return support(exact_params(args, {}, args.query), cuda_kernels().card).why;
}

at::Tensor run_exact(const AttentionArgs& args, decltype(kernels::CudaPlugin::attention_sm80) run) {
  const at::Tensor bias = args.key_bias.defined() ? args.key_bias.to(at::kFloat).contiguous() : at::Tensor();
  const at::Tensor out = empty_result(args.query);
  const kernels::AttentionParams params = exact_params(args, bias, out);
  kernels::CudaFailure failure;
  run(&params, &cuda_kernels().card, stream_of(args.query), &failure);
  check_launch(failure);
  return out;
}

// The arguments of rms_rope_int8 and of attention_int8 share tensors: made and kept together.
template <typename T>
class Int8Problem {
 public:
  explicit Int8Problem(const SelfAttentionArgs& args)
      : qkv_(args.qkv),
        batch_(qkv_.size(0)),
        tokens_(qkv_.size(1)),
        heads_(qkv_.size(3)),
        dim_(qkv_.size(4)),
        scale_stride_((tokens_ + 3) / 4 * 4) {
    const int64_t width = heads_ * dim_;
    const auto made = [&](at::IntArrayRef shape, at::ScalarType type) {
      return at::empty(shape, qkv_.options().dtype(type));
    };
    query8_ = made({batch_, tokens_, width}, at::kChar);
    key8_ = made({batch_, tokens_, width}, at::kChar);
    value16_ = made({batch_, tokens_, width}, at::kHalf);
    query_scale_ = made({batch_, heads_, scale_stride_}, at::kFloat);
    key_scale_ = made({batch_, heads_, scale_stride_}, at::kFloat);
    parts_ = made({batch_, kernels::kCentreParts, width}, at::kFloat);
    centre_ = made({batch_, width}, at::kFloat);
    out_ = made({batch_, tokens_, width}, qkv_.scalar_type());
    const auto rows = [&](int64_t part, const at::Tensor& weight) {
      return kernels::RmsRopeArgs<T>{
          .x = static_cast<T*>(qkv_.select(2, part).data_ptr()),
          .stride = 3 * width,
          .weight = weight.template data_ptr<float>(),
          .cos = args.rotary.cos.defined() ? args.rotary.cos.template data_ptr<float>() : nullptr,
          .sin = args.rotary.sin.defined() ? args.rotary.sin.template data_ptr<float>() : nullptr,
          .tokens = tokens_,
          .heads = heads_,
          .head_dim = dim_,
          .eps = static_cast<float>(args.eps)};
    };
    centre_args_ = {.key = rows(1, args.norm_k),
                    .batch = batch_,
                    .parts = parts_.data_ptr<float>(),
                    .centre = centre_.data_ptr<float>()};
    quantise_args_ = {.query = rows(0, args.norm_q),
                      .key = rows(1, args.norm_k),
                      .value = static_cast<const T*>(qkv_.select(2, 2).data_ptr()),
                      .centre = centre_.data_ptr<float>(),
                      .query8 = query8_.data_ptr<int8_t>(),
                      .key8 = key8_.data_ptr<int8_t>(),
                      .value16 = static_cast<Half*>(value16_.data_ptr()),
                      .query_scale = query_scale_.data_ptr<float>(),
                      .key_scale = key_scale_.data_ptr<float>(),
                      .scale_stride = scale_stride_};
  }

  kernels::AttentionInt8Params attention_params() const {
    return {.query = query8_.const_data_ptr<int8_t>(),
            .key = key8_.const_data_ptr<int8_t>(),
            .value = static_cast<const Half*>(value16_.const_data_ptr()),
            .query_scale = query_scale_.const_data_ptr<float>(),
            .key_scale = key_scale_.const_data_ptr<float>(),
            .query_scale_stride = scale_stride_,
            .key_scale_stride = scale_stride_,
            .out = out_.data_ptr(),
            .out_strides = {.batch = tokens_ * heads_ * dim_, .token = heads_ * dim_, .head = dim_},
            .batch = static_cast<int>(batch_),
            .heads = static_cast<int>(heads_),
            .queries = static_cast<int>(tokens_),
            .keys = static_cast<int>(tokens_),
            .head_dim = static_cast<int>(dim_),
            .element = element_of(qkv_),
            .scale = scale_of(dim_)};
  }

  at::Tensor run(const kernels::Int8CudaKernels<T>& table, double kept) const {
    const kernels::Stream stream = stream_of(qkv_);
    kernels::AttentionInt8Params params = attention_params();
    if (const std::string why = refusal(); !why.empty()) refuse_int8(why);
    kernels::CudaFailure failure;
    table.key_centre(&centre_args_, stream, &failure);
    check_launch(failure);
    table.rms_rope_int8(&quantise_args_, batch_ * tokens_, stream, &failure);
    check_launch(failure);
    at::Tensor key_blocks;
    if (kept < 1) {
      params.kept = static_cast<int>(std::ceil(kept * kernels::blocks_of(params.keys, kernels::kKeyBlock)));
      key_blocks = choose_key_blocks({query8_, key8_, query_scale_, key_scale_, heads_, params.scale, params.kept});
      params.key_blocks = key_blocks.const_data_ptr<int32_t>();
    }
    cuda_kernels().table->attention_int8(&params, stream, &failure);
    check_launch(failure);
    return out_;
  }

 private:
  std::string refusal() const {
    if (std::string why = kernels::rms_rope_int8_cuda_support(quantise_args_).why; !why.empty()) return why;
    return kernels::attention_int8_support(attention_params(), cuda_kernels().card).why;
  }

  at::Tensor qkv_;
  int64_t batch_, tokens_, heads_, dim_, scale_stride_;
  at::Tensor query8_, key8_, value16_, query_scale_, key_scale_, parts_, centre_, out_;
  kernels::KeyCentreArgs<T> centre_args_;
  kernels::RmsRopeInt8Args<T> quantise_args_;
};

}  // namespace

std::string sm80_refusal(const AttentionArgs& args) {
  return exact_refusal(args, CudaKernel::attention_sm80, kernels::attention_sm80_support);
}

at::Tensor run_sm80(const AttentionArgs& args) { return run_exact(args, cuda_kernels().table->attention_sm80); }

std::string sm90_refusal(const AttentionArgs& args) {
  return exact_refusal(args, CudaKernel::attention_sm90, kernels::attention_sm90_support);
}

at::Tensor run_sm90(const AttentionArgs& args) { return run_exact(args, cuda_kernels().table->attention_sm90); }

at::Tensor int8_self_attention(const SelfAttentionArgs& args, double kept) {
  if (const std::string why = type_refusal(args.qkv); !why.empty()) refuse_int8(why);
  if (args.qkv.scalar_type() == at::kHalf) return Int8Problem<Half>(args).run(cuda_kernels().table->int8_half, kept);
  return Int8Problem<Bf16>(args).run(cuda_kernels().table->int8_bf16, kept);
}

}  // namespace soragen::ops
