// A film cut into pieces of odd lengths meets its own past; bytes are the nearest ones. Each front door twice: ATen's
// form, and the kernel's source on the emulated device.
#include "ops/frames.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "cuda/kernel_table.h"
#include "kernels/device/emulator/global_memory.h"
#include "ops/cuda_kernels.h"

namespace soragen::ops {
namespace {

using kernels::emulator::Access;
using kernels::emulator::GlobalRange;

int kernel_calls = 0;  // of the two, in the emulation

class Frames : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    kernel_calls = 0;
    if (!GetParam()) return;
    table.causal_cache = [](const kernels::CausalCacheArgs* args, kernels::Stream stream,
                            kernels::CudaFailure* failure) {
      ++kernel_calls;
      cuda::kernel_table().causal_cache(args, stream, failure);
    };
    table.bf16.rgb8 = [](const kernels::Rgb8Args<kernels::Bf16>* args, kernels::Stream stream,
                         kernels::CudaFailure* failure) {
      ++kernel_calls;
      cuda::kernel_table().bf16.rgb8(args, stream, failure);
    };
    install_cuda_kernels({.table = &table,
                          .card = {.capability = 80,
                                   .shared_bytes_per_block = 163 * 1024,
                                   .shared_bytes_per_multiprocessor = 164 * 1024},
                          .device = at::kCPU});
    test_cuda_kernels();
    kernel_calls = 0;
  }
  void TearDown() override { remove_cuda_kernels(); }

  c10::InferenceMode inference;
  kernels::CudaPlugin table = cuda::kernel_table();
  GlobalRange all{nullptr, SIZE_MAX, Access::read_write};
};

TEST_P(Frames, EveryPieceOfAFilmHasItsPastInFront) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16})
    for (const int64_t past : {1, 2}) {
      at::Tensor film = at::zeros({past, 3, 5, 8}, type), cache;
      for (const int64_t count : {1, 1, 4, 1, 2, 3}) {
        const at::Tensor frames = at::randn({count, 3, 5, 8}).to(type);
        film = at::cat({film, frames});
        const at::Tensor buffer = at::full({past + count, 3, 5, 8}, NAN, type);
        buffer.narrow(0, past, count).copy_(frames);
        exchange_past(buffer, past, cache);
        EXPECT_TRUE(at::equal(buffer, film.narrow(0, film.size(0) - past - count, past + count)))
            << past << " past, " << count << " new frames";
      }
    }
  EXPECT_EQ(kernel_calls, GetParam() ? 2 * 2 * 6 : 0);
}

// 3 numbers a pixel are no multiple of 16 bytes: ATen's form must take over.
TEST_P(Frames, FramesOfAnySizeAreTaken) {
  at::Tensor cache;
  exchange_past(at::full({3, 1, 1, 3}, 2.0f), 2, cache);
  EXPECT_TRUE(at::equal(cache, at::cat({at::zeros({1, 1, 1, 3}), at::full({1, 1, 1, 3}, 2.0f)})));
  EXPECT_EQ(rgb8(at::full({1, 2, 3, 3}, 1.0f).to(at::kBFloat16)).sum().item<int64_t>(), 18 * 255);
  EXPECT_EQ(kernel_calls, 0);
}

// Below, in and above the range; every number is a bfloat16, some are halfway between two bytes.
TEST_P(Frames, BytesAreTheNearestOnes) {
  const at::Tensor x = at::linspace(-1.25, 1.25, 2 * 35 * 100 * 3).to(at::kBFloat16).view({2, 35, 100, 3});
  const at::Tensor bytes = rgb8(x), wide = x.to(at::kFloat);
  ASSERT_EQ(bytes.scalar_type(), at::kByte);
  ASSERT_EQ(bytes.sizes(), x.sizes());
  for (int64_t i = 0; i < x.numel(); ++i) {
    const double value = wide.const_data_ptr<float>()[i];
    const double expected = std::nearbyint(std::fmin(std::fmax((value + 1) / 2, 0), 1) * 255);
    ASSERT_EQ(bytes.const_data_ptr<uint8_t>()[i], expected) << value;
  }
  EXPECT_EQ(kernel_calls, GetParam() ? 1 : 0);
}

TEST_P(Frames, TakesAViewOfEveryOtherFrame) {
  const at::Tensor film = at::randn({4, 2, 8, 3}).to(at::kBFloat16), every_other = film.slice(0, 0, 4, 2);
  EXPECT_TRUE(at::equal(rgb8(every_other), rgb8(film).slice(0, 0, 4, 2)));
}

INSTANTIATE_TEST_SUITE_P(Forms, Frames, testing::Bool(), [](const testing::TestParamInfo<bool>& form) {
  return form.param ? "InTheEmulation" : "InAten";
});

}  // namespace
}  // namespace soragen::ops
