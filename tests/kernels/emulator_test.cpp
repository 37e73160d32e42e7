// The emulated device: what it must refuse, and its matrix instructions against the fragment layouts as
// CUTLASS states them (cute/atom/mma_traits_sm80.hpp: shape and stride of thread and value).
#include "kernels/device/emulator/block.h"

#include <gmock/gmock.h>

#include "kernels/device/device.h"
#include "soragen/error.h"
#include "tests/kernels/device_memory.h"

namespace soragen::kernels {
namespace {

using testing::HasSubstr;

constexpr uint32_t kShared = emulator::kSharedBase;

// Runs one block of `threads` threads with 1 KiB of shared memory; the report of what it refused, or "".
std::string refusal(int threads, const std::function<void()>& kernel) {
  try {
    emulator::run_grid({.threads = threads, .shared_bytes = 1024}, kernel);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    return error.what();
  }
  return "";
}

TEST(Emulator, RefusesSharedBytesThatNobodyWrote) {
  EXPECT_EQ(refusal(32, [] { store_shared<float>(kShared + 4u * lane_index(), 1); }), "");
  EXPECT_THAT(refusal(32, [] { load_shared<float>(kShared + 4u * lane_index()); }),
              HasSubstr("reads shared offset 0, which nobody has written"));
}

TEST(Emulator, RefusesSharedAddressesOutsideOrUnaligned) {
  EXPECT_THAT(refusal(32, [] { store_shared<float>(kShared + 1024, 1); }),
              HasSubstr("offset 1024; the block has 1024"));
  EXPECT_THAT(refusal(32, [] { store_shared<float>(0, 1); }), HasSubstr("offset -1024"));
  EXPECT_THAT(refusal(32, [] { store_shared<float>(kShared + 2, 1); }), HasSubstr("no multiple of 4"));
}

TEST(Emulator, RefusesToReadWhatAnotherThreadWroteWithoutABarrier) {
  const auto exchange = [](const std::function<void()>& barrier) {
    return [barrier] {
      store_shared<int>(kShared + 4u * thread_index(), thread_index());
      barrier();
      if (warp_index() == 0) return;
      EXPECT_EQ(load_shared<int>(kShared + 4u * (63 - thread_index())), 63 - thread_index());
    };
  };
  EXPECT_EQ(refusal(64, exchange([] { sync_block(); })), "");
  EXPECT_THAT(refusal(64, exchange([] { sync_warp(); })), HasSubstr("with no barrier in between"));
  EXPECT_THAT(refusal(32,
                      [] {
                        store_shared<int>(kShared + 4u * lane_index(), 0);
                        shuffle_xor(0, 1);  // lanes meet, but their memory is not ordered
                        load_shared<int>(kShared + 4u * (31 - lane_index()));
                      }),
              HasSubstr("with no barrier in between"));
}

TEST(Emulator, RefusesToOverwriteWhatAnotherWarpMayStillRead) {
  EXPECT_THAT(refusal(64,
                      [] {
                        if (warp_index() == 0) store_shared<int>(kShared + 4u * lane_index(), 1);
                        sync_block();
                        if (warp_index() == 1) load_shared<int>(kShared + 4u * lane_index());
                        if (warp_index() == 0) store_shared<int>(kShared + 4u * lane_index(), 2);
                      }),
              HasSubstr("may still be reading"));
}

TEST(Emulator, RefusesToReadACopyInFlight) {
  DeviceArray<int> source(std::vector<int>(128, 5), emulator::Access::read);
  const auto copy = [&](int groups_left) {
    return [&source, groups_left] {
      copy_async(kShared + 16u * lane_index(), source.data() + 4 * lane_index(), true);
      commit_copies();
      copy_async(kShared + 512 + 16u * lane_index(), source.data(), false);
      commit_copies();
      emulator::Block::current().wait_copies(static_cast<size_t>(groups_left));
      EXPECT_EQ(load_shared<int>(kShared + 16u * lane_index()), 5);
      if (groups_left > 0) return;
      EXPECT_EQ(load_shared<int>(kShared + 512 + 16u * lane_index()), 0);
    };
  };
  EXPECT_EQ(refusal(32, copy(0)), "");
  EXPECT_EQ(refusal(32, copy(1)), "");
  EXPECT_THAT(refusal(32, copy(2)), HasSubstr("before the copy into it was waited for"));
  EXPECT_THAT(refusal(32, [&] { copy_async(kShared, source.data() + 1, true); }), HasSubstr("no multiple of 16"));
}

TEST(Emulator, RefusesGlobalAccessesOutsideTheLentRanges) {
  DeviceArray<float> lent(std::vector<float>(32, 1), emulator::Access::read);
  const float* const data = lent.data();
  EXPECT_EQ(refusal(32, [&] { load_global<float>(data + lane_index()); }), "");
  EXPECT_THAT(refusal(32, [&] { load_global<float>(data + lane_index() + 1); }), HasSubstr("bytes 128 to 132"));
  EXPECT_THAT(refusal(32, [&] { store_global<float>(lent.data(), 1); }), HasSubstr("lent for reading"));
  float elsewhere = 0;
  EXPECT_THAT(refusal(32, [&] { load_global<float>(&elsewhere); }), HasSubstr("global"));
}

TEST(Emulator, RefusesLanesAtDifferentInstructions) {
  EXPECT_THAT(refusal(32, [] { lane_index() < 16 ? sync_warp() : void(shuffle_xor(0, 1)); }),
              HasSubstr("lanes of its warp wait at syncwarp"));
  EXPECT_THAT(refusal(32,
                      [] {
                        if (lane_index() != 7) shuffle_xor(0, 1);
                      }),
              HasSubstr("have returned: threads 7"));
  EXPECT_THAT(refusal(64,
                      [] {
                        if (warp_index() == 0) sync_block();
                      }),
              HasSubstr("wait at bar.sync: threads 0 1"));
}

TEST(Emulator, NamesTheBlock) {
  EXPECT_THAT(refusal(32, [] { store_shared<float>(0, 1); }), testing::StartsWith("block (0, 0, 0): thread 0 "));
}

// A CuTe layout of (thread, value) -> m + n * rows.
struct Layout {
  std::vector<int> thread_shape, thread_stride, value_shape, value_stride;
  static int index(int i, const std::vector<int>& shape, const std::vector<int>& stride) {
    int offset = 0;
    for (size_t j = 0; j < shape.size(); i /= shape[j++]) offset += i % shape[j] * stride[j];
    return offset;
  }
  int operator()(int thread, int value) const {
    return index(thread, thread_shape, thread_stride) + index(value, value_shape, value_stride);
  }
};

const Layout kD16x8{{4, 8}, {32, 1}, {2, 2}, {16, 8}};
const Layout kA16x16{{4, 8}, {32, 1}, {2, 2, 2}, {16, 8, 128}};
const Layout kB8x16{{4, 8}, {16, 1}, {2, 2}, {8, 64}};
const Layout kA16x32{{4, 8}, {64, 1}, {4, 2, 2}, {16, 8, 256}};
const Layout kB8x32{{4, 8}, {32, 1}, {4, 2}, {8, 128}};

// Small integers: every product and sum is exact in every type.
template <typename T>
void expect_product(const Layout& a_layout, const Layout& b_layout, int depth,
                    const std::function<void(const T*, const T*, float*)>& run) {
  std::mt19937 generator(4);
  std::vector<int> a(static_cast<size_t>(16 * depth)), b(static_cast<size_t>(8 * depth));
  for (int& value : a) value = static_cast<int>(generator() % 7) - 3;
  for (int& value : b) value = static_cast<int>(generator() % 7) - 3;
  const int a_values = 16 * depth / 32, b_values = 8 * depth / 32;
  emulator::run_grid({.threads = 32}, [&] {
    const auto number = [](int value) {
      if constexpr (sizeof(T) == 1)
        return static_cast<T>(value);
      else {
        T result;
        store(static_cast<float>(value), result);
        return result;
      }
    };
    alignas(4) T a_own[16], b_own[8];
    for (int i = 0; i < a_values; ++i) a_own[i] = number(a[static_cast<size_t>(a_layout(lane_index(), i))]);
    for (int i = 0; i < b_values; ++i) b_own[i] = number(b[static_cast<size_t>(b_layout(lane_index(), i))]);
    float d[4] = {1, 2, 3, 4};
    run(a_own, b_own, d);
    for (int i = 0; i < 4; ++i) {
      const int m = kD16x8(lane_index(), i) % 16, n = kD16x8(lane_index(), i) / 16;
      int expected = i + 1;
      for (int k = 0; k < depth; ++k)
        expected += a[static_cast<size_t>(m + 16 * k)] * b[static_cast<size_t>(n + 8 * k)];
      EXPECT_EQ(d[i], expected) << "lane " << lane_index() << " number " << i;
    }
  });
}

template <typename T>
void words(const T* a, const T* b, uint32_t (&a_words)[4], uint32_t (&b_words)[2]) {
  std::memcpy(a_words, a, sizeof(a_words));
  std::memcpy(b_words, b, sizeof(b_words));
}

template <typename T>
void run_float(const T* a, const T* b, float* d) {
  uint32_t a_words[4], b_words[2];
  words(a, b, a_words, b_words);
  float sums[4] = {d[0], d[1], d[2], d[3]};
  multiply<T>(sums, a_words, b_words);
  std::copy(sums, sums + 4, d);
}

TEST(EmulatedMatrix, MultipliesByTheLayoutsOfTheManual) {
  expect_product<Half>(kA16x16, kB8x16, 16, run_float<Half>);
  expect_product<Bf16>(kA16x16, kB8x16, 16, run_float<Bf16>);
  expect_product<Half>(kA16x16, kB8x16, 16, [](const Half* a, const Half* b, float* d) {
    uint32_t a_words[4], b_words[2];
    words(a, b, a_words, b_words);
    uint32_t sums[2] = {pack<Half>(d[0], d[1]), pack<Half>(d[2], d[3])};
    multiply_half(sums, a_words, b_words);
    for (int i = 0; i < 2; ++i) {
      d[2 * i] = unpack<Half>(sums[i]).low;
      d[2 * i + 1] = unpack<Half>(sums[i]).high;
    }
  });
  expect_product<int8_t>(kA16x32, kB8x32, 32, [](const int8_t* a, const int8_t* b, float* d) {
    uint32_t a_words[4], b_words[2];
    words(a, b, a_words, b_words);
    int32_t sums[4];
    for (int i = 0; i < 4; ++i) sums[i] = static_cast<int32_t>(d[i]);
    multiply_int8(sums, a_words, b_words);
    std::copy(sums, sums + 4, d);
  });
}

TEST(EmulatedMatrix, LoadsRowsAndColumns) {
  emulator::statistics() = {};
  EXPECT_EQ(refusal(32,
                    [] {
                      for (int i = 0; i < 8; ++i)  // row l of the four 8x8 matrices holds 8 l + column
                        store_shared<uint16_t>(kShared + 16u * lane_index() + 2u * i,
                                               static_cast<uint16_t>(8 * lane_index() + i));
                      sync_warp();
                      uint32_t rows[4], columns[4];
                      load_matrices(rows, kShared + 16u * lane_index());
                      load_matrices_transposed(columns, kShared + 16u * lane_index());
                      const uint32_t g = lane_index() / 4, t = lane_index() % 4;
                      for (uint32_t i = 0; i < 4; ++i) {
                        EXPECT_EQ(rows[i], (64 * i + 8 * g + 2 * t) | (64 * i + 8 * g + 2 * t + 1) << 16);
                        EXPECT_EQ(columns[i], (64 * i + 8 * (2 * t) + g) | (64 * i + 8 * (2 * t + 1) + g) << 16);
                      }
                    }),
            "");
  EXPECT_EQ(emulator::statistics().bank_conflicts, 0);
}

TEST(EmulatedMatrix, CountsBankConflicts) {
  emulator::statistics() = {};
  EXPECT_EQ(refusal(32,
                    [] {
                      for (int i = 0; i < 8; ++i)
                        store_shared<uint32_t>(kShared + 4u * (static_cast<uint32_t>(lane_index()) + 32u * i), 0);
                      sync_warp();
                      uint32_t rows[4];
                      load_matrices(rows, kShared + 128u * (lane_index() % 8));  // eight rows, one below the other
                    }),
            "");
  EXPECT_EQ(emulator::statistics().matrix_loads, 4);
  EXPECT_EQ(emulator::statistics().bank_conflicts, 4);
}

TEST(Half, RoundsAsTheCompilerDoes) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto expected = std::bit_cast<_Float16>(static_cast<uint16_t>(bits));
    const float value = to_float(Half{static_cast<uint16_t>(bits)});
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(static_cast<float>(expected)));
      continue;
    }
    ASSERT_EQ(value, static_cast<float>(expected));
    for (const float near :
         {value, std::nextafter(value, 1e9f), std::nextafter(value, -1e9f), value * 1.0004f, value * 1.0009765f}) {
      Half rounded;
      store(near, rounded);
      ASSERT_EQ(rounded.bits, std::bit_cast<uint16_t>(static_cast<_Float16>(near))) << near;
    }
  }
}

}  // namespace
}  // namespace soragen::kernels
