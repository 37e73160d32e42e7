#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>

#include "kernels/causal_cache/causal_cache.h"
#include "kernels/gelu/gelu.h"
#include "kernels/layer_norm/layer_norm.h"
#include "kernels/rgb8/rgb8.h"
#include "kernels/rms_rope_int8/rms_rope_int8.h"
#include "kernels/rms_silu/rms_silu.h"
#include "tests/kernels/cuda/bench.h"
#include "tests/kernels/cuda/check.h"
#include "tests/kernels/cuda/row_forms.h"

namespace soragen::kernels {
namespace {

constexpr int64_t kTokens = 32760;  // of 81 frames of 480x832

struct Row {
  std::FILE* table;
  Peaks peaks;

  // `bytes` is what the kernel must read and write at least; without an ATen form its columns stay empty.
  void print(const std::string& name, double bytes, const std::function<void()>& kernel,
             const std::function<void()>& aten = nullptr) const {
    const double ms = milliseconds(kernel);
    const double rate = bytes / (ms * 1e-3);
    std::fprintf(table, "| %s | %.3f | %.0f | %.2f |", name.c_str(), ms, rate * 1e-9, rate / peaks.copy);
    if (aten) {
      const double other = milliseconds(aten);
      std::fprintf(table, " %.3f | %.2f |\n", other, other / ms);
    } else {
      std::fprintf(table, " | |\n");
    }
    std::fflush(table);
  }
};

void bench_layer_norm(const Row& row, int64_t width) {
  const at::Tensor x = normal({kTokens, width}, at::kBFloat16), update = normal({kTokens, width}, at::kBFloat16),
                   out = at::empty_like(x);
  const at::Tensor gate = normal({width}), scale = normal({width}), shift = normal({width});
  const LayerNormArgs<Bf16> args{.x = data<Bf16>(x),
                                 .update = data<Bf16>(update),
                                 .gate = floats(gate),
                                 .scale = floats(scale),
                                 .shift = floats(shift),
                                 .out = data<Bf16>(out),
                                 .width = width,
                                 .eps = 1e-6f};
  row.print(
      "layer_norm with a gated update, 32760 x " + std::to_string(width), 4.0 * x.nbytes(),
      [&] { layer_norm_cuda(args, kTokens, nullptr); },
      [&] { aten_layer_norm(x, update, gate, scale, shift, at::kFloat); });
}

void bench_rms_rope(const Row& row, int64_t heads) {
  constexpr int64_t kWidth = 128;
  const int64_t width = heads * kWidth;
  const at::Tensor product = normal({kTokens, 3, heads, kWidth}, at::kBFloat16);
  const at::Tensor weight = normal({width}), angles = normal({kTokens, kWidth / 2}), cos = angles.cos(),
                   sin = angles.sin();
  const auto part = [&](int64_t i) {
    return RmsRopeArgs<Bf16>{.x = data<Bf16>(product.select(1, i)),
                             .stride = 3 * width,
                             .weight = floats(weight),
                             .cos = floats(cos),
                             .sin = floats(sin),
                             .tokens = kTokens,
                             .heads = heads,
                             .head_dim = kWidth,
                             .eps = 1e-6f};
  };
  const RmsRopeArgs<Bf16> query = part(0), key = part(1);
  const double numbers = static_cast<double>(kTokens * width);
  const std::string shape = ", 32760 x " + std::to_string(heads) + " x 128";
  row.print(
      "rms_rope of queries and keys" + shape, 2 * 2 * 2 * numbers,
      [&] { rms_rope_cuda(query, &key, kTokens, nullptr); },
      [&] {
        for (const int64_t i : {0, 1}) aten_rms_rope(product.select(1, i), weight, cos, sin, at::kFloat);
      });
  const auto made = [&](at::IntArrayRef shape_of, at::ScalarType type) {
    return at::empty(shape_of, product.options().dtype(type));
  };
  const at::Tensor parts = made({kCentreParts, width}, at::kFloat), centre = made({width}, at::kFloat),
                   query8 = made({kTokens, width}, at::kChar), key8 = made({kTokens, width}, at::kChar),
                   value16 = made({kTokens, width}, at::kHalf), query_scale = made({heads, kTokens}, at::kFloat),
                   key_scale = made({heads, kTokens}, at::kFloat);
  const KeyCentreArgs<Bf16> centre_args{
      .key = key, .batch = 1, .parts = data<float>(parts), .centre = data<float>(centre)};
  const RmsRopeInt8Args<Bf16> args{.query = query,
                                   .key = key,
                                   .value = data<Bf16>(product.select(1, 2)),
                                   .centre = data<float>(centre),
                                   .query8 = data<int8_t>(query8),
                                   .key8 = data<int8_t>(key8),
                                   .value16 = data<Half>(value16),
                                   .query_scale = data<float>(query_scale),
                                   .key_scale = data<float>(key_scale),
                                   .scale_stride = kTokens};
  row.print("rms_rope_int8 with the keys' mean" + shape, (3 * 2 + 2 * 1 + 2) * numbers, [&] {
    key_centre_cuda(centre_args, nullptr);
    rms_rope_int8_cuda(args, kTokens, nullptr);
  });
}

void bench_rms_silu(const Row& row, int64_t channels, int64_t frames, int64_t height, int64_t width) {
  const int64_t pixels = frames * height * width;
  const at::Tensor x = normal({pixels, channels}, at::kBFloat16), gamma = normal({channels}), out = at::empty_like(x);
  const RmsSiluArgs<Bf16> args{
      .x = data<Bf16>(x), .gamma = floats(gamma), .out = data<Bf16>(out), .channels = channels};
  row.print(
      "rms_silu, " + std::to_string(pixels) + " x " + std::to_string(channels), 2.0 * x.nbytes(),
      [&] { rms_silu_cuda(args, pixels, nullptr); }, [&] { aten_rms_silu(x, gamma, true, at::kFloat); });
}

void bench_gelu(const Row& row, int64_t width) {
  const at::Tensor x = normal({kTokens, width}, at::kBFloat16), out = at::empty_like(x);
  const GeluArgs<Bf16> args{.x = data<Bf16>(x), .out = data<Bf16>(out), .count = x.numel()};
  row.print(
      "gelu, 32760 x " + std::to_string(width), 2.0 * x.nbytes(), [&] { gelu_cuda(args, nullptr); },
      [&] { at::gelu(x, "tanh"); });
}

// ATen's way copies every new frame behind the past ones; the kernel only the past ones, so its own bytes count.
void bench_causal_cache(const Row& row) {
  constexpr int64_t kPast = 2, kFrames = 4, kPlane = 480 * 832 * 96 * 2;
  const at::Tensor buffer = at::empty({kPast + kFrames, kPlane}, at::TensorOptions(device_type()).dtype(at::kByte)),
                   cache = at::empty({kPast, kPlane}, buffer.options());
  buffer.zero_();
  cache.zero_();
  const CausalCacheArgs args{
      .buffer = buffer.data_ptr(), .cache = cache.data_ptr(), .plane_bytes = kPlane, .past = kPast, .frames = kFrames};
  row.print(
      "causal_cache, 2 past and 4 new frames of 480 x 832 x 96", 4.0 * kPast * kPlane,
      [&] { causal_cache_cuda(args, nullptr); },
      [&] {
        const at::Tensor joined = at::cat({cache, buffer.narrow(0, kPast, kFrames)});
        cache.copy_(joined.narrow(0, kFrames, kPast));
      });
}

void bench_rgb8(const Row& row) {
  const at::Tensor x = normal({4, 480, 832, 3}, at::kBFloat16);
  const at::Tensor out = at::empty({4, 480, 832, 3}, x.options().dtype(at::kByte));
  const Rgb8Args<Bf16> args{
      .x = data<Bf16>(x), .out = data<uint8_t>(out), .frames = 4, .height = 480, .width = 832, .patch = 1};
  row.print(
      "rgb8, 4 frames of 480 x 832", 1.5 * x.nbytes(), [&] { rgb8_cuda(args, nullptr); },
      [&] { (x.to(at::kFloat) * 0.5 + 0.5).clamp(0, 1).mul(255).round().to(at::kByte); });
}

}  // namespace

void bench_fused(std::FILE* table, const Peaks& peaks) {
  std::fprintf(table,
               "\nFused kernels, bf16; GB/s of the bytes that must be read and written once.\n\n| kernel | ms | GB/s | "
               "of the copy's | ATen ms | speed against ATen |\n|---|---|---|---|---|---|\n");
  const Row row{table, peaks};
  for (const int64_t width : {1536, 5120}) bench_layer_norm(row, width);
  for (const int64_t heads : {12, 40}) bench_rms_rope(row, heads);
  bench_gelu(row, 8960);
  bench_gelu(row, 13824);
  bench_rms_silu(row, 96, 4, 480, 832);
  bench_rms_silu(row, 192, 4, 240, 416);
  bench_rms_silu(row, 384, 4, 120, 208);
  bench_causal_cache(row);
  bench_rgb8(row);
}

}  // namespace soragen::kernels
