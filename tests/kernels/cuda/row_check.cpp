// The kernels that compute row by row or number by number: layer_norm, rms_rope, rms_silu, gelu.
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>

#include <functional>

#include "kernels/gelu/gelu.h"
#include "kernels/layer_norm/layer_norm.h"
#include "kernels/rms_rope/rms_rope.h"
#include "kernels/rms_silu/rms_silu.h"
#include "tests/kernels/cuda/check.h"
#include "tests/kernels/cuda/row_forms.h"

namespace soragen::kernels {
namespace {

constexpr at::ScalarType kTypes[] = {at::kFloat, at::kBFloat16, at::kHalf};

at::Tensor wide(const at::Tensor& x) { return x.defined() ? x.to(at::kDouble) : x; }

// Every type, input and size; one of each under a sanitizer.
void for_each_case(const Report& report, std::initializer_list<int64_t> sizes,
                   const std::function<void(at::ScalarType, Fill, int64_t size, const std::string&)>& run) {
  for (const at::ScalarType type : kTypes)
    for (const Fill fill : kFills)
      for (const int64_t size : sizes) {
        if (report.is_small() && (fill != Fill::random || size != *sizes.begin())) continue;
        run(type, fill, size, std::string(type_name(type)) + " " + std::to_string(size) + " " + fill_name(fill));
      }
}

template <typename T>
void layer_norm_case(Report& report, const std::string& name, const at::Tensor& x, const at::Tensor& update,
                     const at::Tensor& gate) {
  const int64_t rows = x.size(0), width = x.size(1);
  const at::Tensor scale = normal({width}), shift = normal({width}), stream = x.clone(), out = at::empty_like(x);
  const LayerNormArgs<T> args{.x = data<T>(stream),
                              .update = update.defined() ? data<T>(update) : nullptr,
                              .gate = floats(gate),
                              .scale = floats(scale),
                              .shift = floats(shift),
                              .out = data<T>(out),
                              .width = width,
                              .eps = 1e-6f};
  if (!report.takes(name, layer_norm_cuda_support(args))) return;
  layer_norm_cuda(args, rows, nullptr);
  finish(name);
  const LayerNormResult aten = aten_layer_norm(x, update, gate, scale, shift, at::kFloat);
  const LayerNormResult exact = aten_layer_norm(wide(x), wide(update), gate, scale, shift, at::kDouble);
  report.compare(name + ", x", stream, aten.x, exact.x);
  report.compare(name, out, aten.out, exact.out);
}

template <typename T>
void rms_rope_case(Report& report, const std::string& name, const at::Tensor& product, bool rotates) {
  // product [rows, 3, heads, head_dim], two batch items
  const int64_t rows = product.size(0), heads = product.size(2), head_dim = product.size(3);
  const at::Tensor actual = product.clone(), weights[] = {normal({heads * head_dim}), normal({heads * head_dim})};
  at::Tensor cos, sin;
  if (rotates) {
    const at::Tensor angles = normal({rows / 2, head_dim / 2});
    cos = angles.cos();
    sin = angles.sin();
  }
  const auto args = [&](int64_t part) {
    return RmsRopeArgs<T>{.x = data<T>(actual.select(1, part)),
                          .stride = 3 * heads * head_dim,
                          .weight = floats(weights[part]),
                          .cos = floats(cos),
                          .sin = floats(sin),
                          .tokens = rows / 2,
                          .heads = heads,
                          .head_dim = head_dim,
                          .eps = 1e-6f};
  };
  const RmsRopeArgs<T> query = args(0), key = args(1);
  if (!report.takes(name, rms_rope_cuda_support(query))) return;
  rms_rope_cuda(query, &key, rows, nullptr);
  finish(name);
  for (const int64_t part : {0, 1}) {
    const at::Tensor x = product.select(1, part);
    report.compare(name + (part ? ", keys" : ", queries"), actual.select(1, part),
                   aten_rms_rope(x, weights[part], cos, sin, at::kFloat),
                   aten_rms_rope(wide(x), weights[part], cos, sin, at::kDouble));
  }
  report.equal(name + ", values untouched", actual.select(1, 2), product.select(1, 2));
}

template <typename T>
void rms_silu_case(Report& report, const std::string& name, const at::Tensor& x, bool silu) {
  const at::Tensor gamma = normal({x.size(1)}), out = at::empty_like(x);
  const RmsSiluArgs<T> args{
      .x = data<T>(x), .gamma = floats(gamma), .out = data<T>(out), .channels = x.size(1), .silu = silu};
  if (!report.takes(name, rms_silu_cuda_support(args))) return;
  rms_silu_cuda(args, x.size(0), nullptr);
  finish(name);
  report.compare(name, out, aten_rms_silu(x, gamma, silu, at::kFloat),
                 aten_rms_silu(wide(x), gamma, silu, at::kDouble));
}

}  // namespace

void check_layer_norm(Report& report) {
  for_each_case(report, {1536, 8, 2056, 5120, 8192},
                [&](at::ScalarType type, Fill fill, int64_t width, const std::string& name) {
                  const at::Tensor x = filled(fill, {37, width}, type), update = normal({37, width}, type);
                  with_element(type, [&]<typename T>(T*) {
                    layer_norm_case<T>(report, name, x, {}, {});
                    layer_norm_case<T>(report, name + ", update", x, update, {});
                    layer_norm_case<T>(report, name + ", gated update", x, update, normal({width}));
                  });
                });
}

void check_rms_rope(Report& report) {
  for_each_case(report, {12, 1, 3, 40}, [&](at::ScalarType type, Fill fill, int64_t heads, const std::string& name) {
    for (const int64_t head_dim : {64, 128}) {
      const at::Tensor product = filled(fill, {46, 3, heads, head_dim}, type);
      for (const bool rotates : {false, true})
        with_element(type, [&]<typename T>(T*) {
          rms_rope_case<T>(report, name + " D " + std::to_string(head_dim) + (rotates ? " rotated" : ""), product,
                           rotates);
        });
    }
  });
}

void check_rms_silu(Report& report) {
  for_each_case(report, {96, 8, 104, 192, 384, 768, 1024},
                [&](at::ScalarType type, Fill fill, int64_t channels, const std::string& name) {
                  const at::Tensor x = filled(fill, {1001, channels}, type);
                  for (const bool silu : {false, true})
                    with_element(
                        type, [&]<typename T>(T*) { rms_silu_case<T>(report, name + (silu ? " silu" : ""), x, silu); });
                });
}

void check_gelu(Report& report) {
  for_each_case(report, {8 * 1001, 8, 8960 * 64},
                [&](at::ScalarType type, Fill fill, int64_t count, const std::string& name) {
                  const at::Tensor x = filled(fill, {count / 8, 8}, type) * 3, out = at::empty_like(x);
                  with_element(type, [&]<typename T>(T*) {
                    const GeluArgs<T> args{.x = data<T>(x), .out = data<T>(out), .count = count};
                    if (!report.takes(name, gelu_cuda_support(args))) return;
                    gelu_cuda(args, nullptr);
                    finish(name);
                    report.compare(name, out, at::gelu(x, "tanh"), at::gelu(wide(x), "tanh"));
                  });
                });
}

}  // namespace soragen::kernels
