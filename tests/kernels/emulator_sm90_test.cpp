// The emulated sm_90a instructions: bulk copies and their barriers, and warpgroup products against the layouts
// as CUTLASS states them (cute/atom/mma_traits_sm90_gmma.hpp, cute/arch/mma_sm90_desc.hpp).
#include <gmock/gmock.h>

#include <random>

#include "kernels/device/sm90.h"
#include "soragen/error.h"
#include "tests/kernels/device_memory.h"

namespace soragen::kernels {
namespace {

using testing::HasSubstr;

constexpr uint32_t kShared = emulator::kSharedBase;
constexpr uint32_t kBarrier = kShared + 16 * 1024;

std::string refusal(int threads, const std::function<void()>& kernel) {
  try {
    emulator::run_grid({.threads = threads, .shared_bytes = 16 * 1024 + 64}, kernel);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    return error.what();
  }
  return "";
}

void make_barrier(int arrivals) {
  if (thread_index() == 0) init_barrier(kBarrier, arrivals);
  publish_barriers();
  sync_block();
}

// 2 batch items of 3 heads of 5 tokens of 128 numbers: number + 128 (token + 5 (head + 3 batch))
struct View {
  DeviceArray<uint16_t> numbers{[] {
                                  std::vector<uint16_t> all(2 * 3 * 5 * 128);
                                  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i + 1);
                                  return all;
                                }(),
                                emulator::Access::read};
  TensorMap map(int rows) {
    return make_tensor_map(
        {.data = numbers.data(), .size = {128, 5, 3, 2}, .stride_bytes = {256, 5 * 256, 15 * 256}, .rows = rows});
  }
};

TEST(EmulatedCopy, CutsOutSwizzledBoxesWithZerosOutside) {
  View view;
  const TensorMap map = view.map(8);
  EXPECT_EQ(refusal(32,
                    [&] {
                      make_barrier(1);
                      if (thread_index() == 0) {
                        expect_bytes(kBarrier, 8 * 128);
                        copy_box(kShared + 1024, map, {.number = 64, .token = 2, .head = 1, .batch = 1}, kBarrier);
                      }
                      wait_barrier(kBarrier, 0);
                      for (uint32_t i = static_cast<uint32_t>(lane_index()); i < 8 * 64; i += 32) {
                        const uint32_t row = i / 64, column = i % 64;
                        uint32_t byte = row * 128 + column * 2;
                        byte ^= (byte & 0x380) >> 3;  // Swizzle<3, 4, 3>
                        const uint32_t expected = row < 3 ? 64 + column + 128 * (row + 2 + 5 * (1 + 3)) + 1 : 0;
                        EXPECT_EQ(load_shared<uint16_t>(kShared + 1024 + byte), expected) << row << ", " << column;
                      }
                    }),
            "");
}

TEST(EmulatedCopy, RefusesToReadBeforeTheBarrierIsWaitedFor) {
  View view;
  const TensorMap map = view.map(8);
  const auto copy_and_read = [&](bool waits, uint32_t announced) {
    return [&, waits, announced] {
      make_barrier(1);
      if (thread_index() == 0) {
        expect_bytes(kBarrier, announced);
        copy_box(kShared, map, {}, kBarrier);
      }
      sync_block();
      if (waits) wait_barrier(kBarrier, 0);
      load_shared<uint16_t>(kShared + 2u * static_cast<uint32_t>(lane_index()));
    };
  };
  EXPECT_EQ(refusal(32, copy_and_read(true, 1024)), "");
  EXPECT_THAT(refusal(32, copy_and_read(false, 1024)), HasSubstr("before the copy into it was waited for"));
  for (const uint32_t wrong : {1008u, 1040u})
    EXPECT_THAT(refusal(32, copy_and_read(true, wrong)), HasSubstr("wait at mbarrier.try_wait"));
}

TEST(EmulatedCopy, RefusesWhatTheDriverWould) {
  View view;
  const auto map_of = [&](TensorBoxes boxes) { return [=] { make_tensor_map(boxes); }; };
  TensorBoxes boxes{.data = view.numbers.data(), .size = {128, 5, 3, 2}, .stride_bytes = {256, 1280, 3840}, .rows = 8};
  EXPECT_EQ(refusal(32, map_of(boxes)), "");
  TensorBoxes odd = boxes;
  odd.stride_bytes[1] = 1288;
  EXPECT_THAT(refusal(32, map_of(odd)), HasSubstr("stride of 1288 bytes"));
  odd = boxes;
  odd.rows = 257;
  EXPECT_THAT(refusal(32, map_of(odd)), HasSubstr("boxes of 257 rows"));
  odd = boxes;
  odd.data = view.numbers.data() + 1;
  EXPECT_THAT(refusal(32, map_of(odd)), HasSubstr("unaligned"));
  const TensorMap map = view.map(8);
  EXPECT_THAT(refusal(32,
                      [&] {
                        make_barrier(1);
                        if (thread_index() == 0) copy_box(kShared + 64, map, {}, kBarrier);
                      }),
              HasSubstr("no multiple of 128"));
}

TEST(EmulatedBarrier, OrdersTwoWarpsBothWays) {
  const auto hand_over = [](bool syncs) {
    return [syncs] {
      make_barrier(1);
      if (warp_index() == 0) {
        store_shared<int>(kShared + 4u * static_cast<uint32_t>(lane_index()), 7);
        if (syncs) sync_warp();
        if (lane_index() == 0) arrive(kBarrier);
      } else {
        wait_barrier(kBarrier, 0);
        EXPECT_EQ(load_shared<int>(kShared + 4u * static_cast<uint32_t>(31 - lane_index())), 7);
      }
    };
  };
  EXPECT_EQ(refusal(64, hand_over(true)), "");
  EXPECT_THAT(refusal(64, hand_over(false)), HasSubstr("with no barrier in between"));
}

TEST(EmulatedBarrier, CountsPhases) {
  EXPECT_EQ(refusal(32,
                    [] {
                      make_barrier(1);
                      wait_barrier(kBarrier, 1);  // the phase before the first is over
                      sync_warp();
                      if (thread_index() == 0) arrive(kBarrier);
                      wait_barrier(kBarrier, 0);
                      sync_warp();
                      if (thread_index() == 0) arrive(kBarrier);
                      wait_barrier(kBarrier, 1);
                    }),
            "");
  EXPECT_THAT(refusal(32,
                      [] {
                        make_barrier(2);
                        if (thread_index() == 0) arrive(kBarrier);
                        wait_barrier(kBarrier, 0);
                      }),
              HasSubstr("wait at mbarrier.try_wait"));
  EXPECT_THAT(refusal(32,
                      [] {
                        make_barrier(1);
                        if (thread_index() == 0) expect_bytes(kBarrier, 64);
                        if (thread_index() == 0) arrive(kBarrier);
                      }),
              HasSubstr("arrivals have come"));
  EXPECT_THAT(refusal(32, [] { wait_barrier(kBarrier, 0); }), HasSubstr("where none was made"));
  EXPECT_THAT(refusal(64,
                      [] {
                        if (thread_index() == 0) init_barrier(kBarrier, 1);
                        if (warp_index() == 1) wait_barrier(kBarrier, 1);  // it was not published to this warp
                      }),
              HasSubstr("with no barrier in between"));
}

// A CuTe layout: index -> offset, the first mode the fastest.
struct Layout {
  std::vector<int> shape, stride;
  int operator()(int i) const {
    int offset = 0;
    for (size_t j = 0; j < shape.size(); i /= shape[j++]) offset += i % shape[j] * stride[j];
    return offset;
  }
};

// (thread, value) -> row + 64 column
const Layout kThread64{{4, 8, 4}, {128, 1, 16}};
int fragment_64(int thread, int value) { return kThread64(thread) + Layout{{2, 2, 32}, {64, 8, 512}}(value); }

// Numbers of 16 bits in shared memory, as the descriptors' canonical layouts of the 128-byte swizzle place them.
void store_number(uint32_t base, int offset, int number) {
  uint32_t byte = static_cast<uint32_t>(offset) * 2;
  byte ^= (byte & 0x380) >> 3;
  Bf16 bits;
  store(static_cast<float>(number), bits);
  store_shared(base + byte, bits.bits);
}
int number_at(int i, int k) { return (i * 7 + k * 5 + i * k) % 7 - 3; }

uint32_t packed(int low, int high) { return pack<Bf16>(static_cast<float>(low), static_cast<float>(high)); }

// d = a b^T with a [64, 16] and b [n, 16] by rows at `along` steps within rows of 64.
TEST(EmulatedWarpgroup, MultipliesTilesByTheLayoutsOfTheManual) {
  constexpr int kN = 128, kAlong = 2;
  // ((8, m), (8, 2)) : ((64, SBO), (1, 8)) in numbers: rows of 64, eight rows 512 apart
  const Layout rows{{8, 16}, {64, 512}};
  constexpr uint32_t kA = kShared, kB = kShared + 8192;
  emulator::run_grid({.threads = 128, .shared_bytes = 8192 + kN * 128}, [&] {
    for (int i = thread_index(); i < 64 * 16; i += 128)
      store_number(kA, rows(i / 16) + 16 * kAlong + i % 16, number_at(i / 16, i % 16));
    for (int i = thread_index(); i < kN * 16; i += 128)
      store_number(kB, rows(i / 16) + 16 * kAlong + i % 16, number_at(i / 16 + 3, i % 16));
    sync_block();
    float d[kN / 2];
    for (float& sum : d) sum = 1000;  // not accumulated
    multiply_tiles<Bf16, kN>(d, matrix_descriptor(kA + 32 * kAlong, 0, 1024),
                             matrix_descriptor(kB + 32 * kAlong, 0, 1024), false);
    commit_matrices();
    EXPECT_EQ(d[0], 1000);  // not before it is waited for
    wait_matrices<0>();
    for (int value = 0; value < kN / 2; ++value) {
      const int at = fragment_64(thread_index(), value), row = at % 64, column = at / 64;
      int expected = 0;
      for (int k = 0; k < 16; ++k) expected += number_at(row, k) * number_at(column + 3, k);
      ASSERT_EQ(d[value], expected) << "thread " << thread_index() << " value " << value;
    }
  });
}

// d += a b with a in registers and b [16, n] by columns, 64 columns to a line.
template <int n>
void expect_columns() {
  // ((8, 8, m), (8, 2)) : ((1, 8, LBO), (64, SBO)) in numbers
  constexpr int kLeading = 1024, kStride = 512;
  const Layout columns{{64, n / 64}, {1, kLeading}}, depths{{8, 2}, {64, kStride}};
  emulator::run_grid({.threads = 128, .shared_bytes = 2 * kLeading * n / 64}, [&] {
    for (int i = thread_index(); i < n * 16; i += 128)
      store_number(kShared, columns(i % n) + depths(i / n), number_at(i % n, i / n));
    sync_block();
    uint32_t a[4];
    for (int word = 0; word < 4; ++word) {
      const int low = fragment_64(thread_index(), 2 * word), high = fragment_64(thread_index(), 2 * word + 1);
      a[word] = packed(number_at(low % 64, low / 64), number_at(high % 64, high / 64));
    }
    float d[n / 2];
    for (int value = 0; value < n / 2; ++value) d[value] = static_cast<float>(value);
    multiply_tile<Bf16, n>(d, a, matrix_descriptor(kShared, 2 * kLeading, 2 * kStride), true);
    commit_matrices();
    wait_matrices<0>();
    for (int value = 0; value < n / 2; ++value) {
      const int at = fragment_64(thread_index(), value), row = at % 64, column = at / 64;
      int expected = value;
      for (int k = 0; k < 16; ++k) expected += number_at(row, k) * number_at(column, k);
      ASSERT_EQ(d[value], expected) << "thread " << thread_index() << " value " << value;
    }
  });
}

TEST(EmulatedWarpgroup, MultipliesByColumns) {
  expect_columns<64>();
  expect_columns<128>();
}

TEST(EmulatedWarpgroup, RefusesWarpsAndLanesThatDiffer) {
  const auto product = [](const std::function<uint64_t()>& descriptor) {
    return [descriptor] {
      for (uint32_t i = 0; i < 16; ++i) store_shared<uint64_t>(kShared + 8u * (16u * thread_index() + i), 0);
      sync_block();
      float d[64];
      multiply_tiles<Bf16, 128>(d, descriptor(), descriptor(), false);
      commit_matrices();
      wait_matrices<0>();
    };
  };
  EXPECT_EQ(refusal(128, product([] { return matrix_descriptor(kShared, 0, 1024); })), "");
  EXPECT_THAT(refusal(128, product([] { return matrix_descriptor(kShared + (warp_index() == 2 ? 32u : 0), 0, 1024); })),
              HasSubstr("warp 2 differs from its warpgroup"));
  EXPECT_THAT(refusal(128, product([] { return matrix_descriptor(kShared + (lane_index() == 9 ? 32u : 0), 0, 1024); })),
              HasSubstr("lanes 0 and 9 of warp 0 differ"));
  EXPECT_THAT(refusal(128, product([] { return uint64_t{0}; })), HasSubstr("layout 0"));
}

TEST(EmulatedWarpgroup, ReadsItsOperandsUntilItIsWaitedFor) {  // so a tile must not be given away before
  EXPECT_THAT(refusal(128,
                      [] {
                        for (uint32_t i = 0; i < 16; ++i)
                          store_shared<uint64_t>(kShared + 8u * (16u * thread_index() + i), 0);
                        sync_block();
                        float d[64];
                        const uint64_t operand = matrix_descriptor(kShared, 0, 1024);
                        multiply_tiles<Bf16, 128>(d, operand, operand, false);
                        commit_matrices();
                        sync_block();
                        if (warp_index() == 3) store_shared<uint64_t>(kShared, 1);
                        wait_matrices<0>();
                      }),
              HasSubstr("with no barrier in between"));
}

}  // namespace
}  // namespace soragen::kernels
