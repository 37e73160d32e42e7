// The kernels that only move or round numbers, bit for bit: causal_cache against ATen's copies, rgb8 against
// its specification.
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros_like.h>

#include "kernels/causal_cache/causal_cache.h"
#include "kernels/rgb8/rgb8.h"
#include "tests/kernels/cuda/check.h"

namespace soragen::kernels {
namespace {

at::Tensor bytes(at::IntArrayRef shape) {
  return at::randint(256, shape, at::TensorOptions(device_type()).dtype(at::kByte));
}

void cache_case(Report& report, int64_t past, int64_t frames, int64_t plane, bool first) {
  const std::string name = std::to_string(past) + " past, " + std::to_string(frames) + " new frames of " +
                           std::to_string(plane) + " bytes" + (first ? ", first" : "");
  const at::Tensor buffer = bytes({past + frames, plane}), cache = bytes({past, plane});
  const at::Tensor before = first ? at::zeros_like(cache) : cache;
  const at::Tensor expected = at::cat({before, buffer.narrow(0, past, frames)});
  const CausalCacheArgs args{.buffer = buffer.data_ptr(),
                             .cache = cache.data_ptr(),
                             .plane_bytes = plane,
                             .past = past,
                             .frames = frames,
                             .first = first};
  if (!report.takes(name, causal_cache_cuda_support(args))) return;
  causal_cache_cuda(args, nullptr);
  finish(name);
  report.equal(name + ", buffer", buffer, expected);
  report.equal(name + ", cache", cache, expected.narrow(0, frames, past));
}

template <typename T>
void rgb8_case(Report& report, const std::string& name, const at::Tensor& x, int64_t patch) {
  const int64_t frames = x.size(0), height = x.size(1), width = x.size(2);
  const auto to = [&](at::Device device) {
    return at::empty({frames, height * patch, width * patch, 3}, at::TensorOptions(device).dtype(at::kByte));
  };
  const at::Tensor out = to(device_type()), expected = to(at::kCPU), on_host = x.cpu();
  Rgb8Args<T> args{
      .x = data<T>(x), .out = data<uint8_t>(out), .frames = frames, .height = height, .width = width, .patch = patch};
  if (!report.takes(name, rgb8_cuda_support(args))) return;
  rgb8_cuda(args, nullptr);
  args.x = data<T>(on_host);
  args.out = data<uint8_t>(expected);
  rgb8_ref(args);
  report.equal(name, out.cpu(), expected);
}

}  // namespace

void check_causal_cache(Report& report) {
  for (const int64_t past : {1, 2})
    for (const int64_t frames : {1, 2, 5})
      for (const int64_t plane :
           report.is_small() ? std::vector<int64_t>{4112} : std::vector<int64_t>{16, 4112, 3194880})
        for (const bool first : {false, true}) cache_case(report, past, frames, plane, first);
}

void check_rgb8(Report& report) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf})
    for (const int64_t patch : {1, 2}) {
      const std::string name = std::string(type_name(type)) + ", patch " + std::to_string(patch);
      const int64_t channels = 3 * patch * patch;
      // From outside the range through every byte and every tie between two.
      const at::Tensor ramp = at::linspace(-1.2, 1.2, 2 * 35 * 100 * channels, at::TensorOptions(device_type()));
      const at::Tensor ties = at::linspace(-1, 1, 511, at::TensorOptions(device_type()));
      ramp.narrow(0, 0, 511).copy_(ties);
      with_element(type, [&]<typename T>(T*) {
        rgb8_case<T>(report, name + ", ramp", ramp.view({2, 35, 100, channels}).to(type), patch);
        rgb8_case<T>(report, name + ", random", normal({3, 17, 52, channels}, type), patch);
      });
    }
}

}  // namespace soragen::kernels
