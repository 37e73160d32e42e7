// Blocks that are copied to a device: their bits, and the order of copies and products on its two streams.
#include "nn/block_source.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace soragen::nn {
namespace {

struct Pair {
  at::Tensor weight, bias;
  std::vector<at::Tensor*> tensors() { return {&weight, &bias}; }
};

Pair numbered(int64_t index) {
  return {at::full({3, 5}, static_cast<double>(index), at::kBFloat16), at::full({7}, -static_cast<double>(index))};
}

TEST(HostCopy, BringsBackEveryBit) {
  // Larger than a piece and no power of two; a float16 tensor; one number.
  at::Tensor large = at::randn({(int64_t{64} << 18) + 12345}), half = at::randn({33, 3}).to(at::kHalf),
             one = at::randn({1});
  const HostCopy copy({&large, &half, &one}, /*pinned=*/false);
  at::Tensor large2 = at::zeros_like(large), half2 = at::zeros_like(half), one2 = at::zeros_like(one);
  copy.copy_to({&large2, &half2, &one2});
  EXPECT_TRUE(at::equal(large, large2));
  EXPECT_TRUE(at::equal(half, half2));
  EXPECT_TRUE(at::equal(one, one2));
}

BlockSource<Pair>::Origin numbers() {
  return {.build = [](int64_t i, const Target&) { return numbered(i); }, .read_ahead = [](int64_t) {}};
}

TEST(BlockSource, CopiedBlocksAreTheirOwn) {
  for (int64_t resident = 0; resident <= 5; ++resident)
    for (const bool keeps_on_host : {false, true}) {
      BlockSource<Pair> source(5, {.resident = resident, .keeps_on_host = keeps_on_host}, {}, numbers());
      for (const int64_t block : {0, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 2, 0, 3}) {
        const Pair& found = source.visit(block);
        EXPECT_TRUE(at::equal(found.weight, numbered(block).weight)) << block << " of " << resident << " resident";
        EXPECT_TRUE(at::equal(found.bias, numbered(block).bias)) << block;
      }
      const int64_t bytes = 3 * 5 * 2 + 7 * 4;
      EXPECT_LE(source.peak_bytes(), std::min<int64_t>(resident + 2, 5) * bytes);
    }
}

TEST(BlockSource, ABlockThatFailsToLoadIsLoadedAgain) {
  int64_t failures = 0;
  BlockSource<Pair>::Origin origin = numbers();
  origin.build = [&failures](int64_t i, const Target& target) {
    if (i == 2 && target.device.is_cpu() && failures-- > 0) throw std::bad_alloc();
    return numbered(i);
  };
  BlockSource<Pair> source(4, {.resident = 0}, {}, origin);
  failures = 1;
  source.visit(0), source.visit(1);
  EXPECT_THROW(source.visit(2), std::bad_alloc);
  EXPECT_TRUE(at::equal(source.visit(2).bias, numbered(2).bias));
}

// A device of two streams that notes what it is told. LibTorch has one name to spare for a device of one's own.
class NotingDevice : public c10::impl::DeviceGuardImplInterface {
 public:
  static std::vector<std::string>& notes() {
    static std::vector<std::string> all;
    return all;
  }
  static void note(const std::string& text) { notes().push_back(fmt::format("{}: {}", current, text)); }
  static inline c10::StreamId current = 0;  // 0: products, 1: copies

  c10::DeviceType type() const override { return at::kPrivateUse1; }
  c10::Device exchangeDevice(c10::Device device) const override { return device; }
  c10::Device getDevice() const override { return {at::kPrivateUse1, 0}; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  c10::Stream getStream(c10::Device device) const override { return c10::Stream(c10::Stream::UNSAFE, device, current); }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override {
    return c10::Stream(c10::Stream::UNSAFE, device, 1);
  }
  c10::Stream exchangeStream(c10::Stream stream) const override {
    return c10::Stream(c10::Stream::UNSAFE, stream.device(), std::exchange(current, stream.id()));
  }
  void record(void** event, const c10::Stream& stream, c10::DeviceIndex, c10::EventFlag) const override {
    if (*event == nullptr) *event = new int64_t(next_event_++);
    *static_cast<int64_t*>(*event) = next_record_++;
    notes().push_back(fmt::format("{}: record {}", stream.id(), *static_cast<int64_t*>(*event)));
  }
  void block(void* event, const c10::Stream& stream) const override {
    notes().push_back(fmt::format("{}: wait {}", stream.id(), *static_cast<int64_t*>(event)));
  }
  void destroyEvent(void* event, c10::DeviceIndex) const noexcept override { delete static_cast<int64_t*>(event); }

 private:
  static inline int64_t next_event_ = 0, next_record_ = 0;
};
const c10::impl::DeviceGuardImplRegistrar kRegistered(at::kPrivateUse1, new NotingDevice);

// Each copy waits for the products before it, each product for the copy of its block, and the end for all.
TEST(CopyStream, OrdersCopiesAndProducts) {
  {
    CopyStream copies({at::kPrivateUse1, 0}, 2);
    copies.wait(1);  // never filled: nothing to wait for
    copies.fill(0, [] { NotingDevice::note("copy a"); });
    copies.wait(0);
    NotingDevice::note("product a");
    copies.fill(1, [] { NotingDevice::note("copy b"); });
    copies.wait(1);
    NotingDevice::note("product b");
    copies.fill(0, [] { NotingDevice::note("copy c"); });
  }
  EXPECT_EQ(NotingDevice::notes(),
            (std::vector<std::string>{"0: record 0", "1: wait 0", "1: copy a", "1: record 1", "0: wait 1",
                                      "0: product a",  //
                                      "0: record 2", "1: wait 2", "1: copy b", "1: record 3", "0: wait 3",
                                      "0: product b",                                          //
                                      "0: record 4", "1: wait 4", "1: copy c", "1: record 5",  //
                                      "0: wait 5", "0: wait 3"}));
}

}  // namespace
}  // namespace soragen::nn
