#include "kernels/device/emulator/warpgroup_products.h"

#include "core/fail.h"

namespace soragen::kernels::emulator {
namespace {

constexpr int kWarps = 4, kRows = 16, kDepth = 16, kMostColumns = 256;
constexpr uint32_t kChunkBytes = 16;  // eight numbers
constexpr uint32_t kRowBytes = 128;   // as wide as the swizzle

// PTX ISA "Matrix Descriptor Format".
struct Descriptor {
  uint32_t start, leading, stride;
  explicit Descriptor(uint64_t bits)
      : start(static_cast<uint32_t>(bits & 0x3FFF) << 4),
        leading(static_cast<uint32_t>(bits >> 16 & 0x3FFF) << 4),
        stride(static_cast<uint32_t>(bits >> 32 & 0x3FFF) << 4) {
    if (bits >> 62 != 1 || (bits >> 49 & 7) != 0)
      fail(ErrorKind::internal, "a matrix descriptor of layout {} and base offset {}; 1 and 0 are emulated", bits >> 62,
           bits >> 49 & 7);
  }
};

// The 128-byte swizzle permutes the eight chunks of a line by the line's number modulo 8, both read off the address.
uint32_t swizzled(uint32_t address) { return address ^ ((address / kRowBytes % 8) * kChunkBytes); }

struct Reader {
  SharedMemory& shared;
  int thread;
  float (*number)(uint16_t);

  void chunk(uint32_t address, double (&to)[8]) const {
    uint16_t bits[8];
    shared.read(thread, swizzled(address), bits, sizeof(bits));
    for (int i = 0; i < 8; ++i) to[i] = number(bits[i]);
  }
};

// Row `row` of an operand stored by rows: 16 numbers.
void read_row(const Reader& reader, const Descriptor& at, uint32_t row, double (&to)[kDepth]) {
  const uint32_t begin = at.start + row / 8 * at.stride + row % 8 * kRowBytes;
  for (uint32_t half = 0; half < 2; ++half) {
    double chunk[8];
    reader.chunk(begin + half * kChunkBytes, chunk);
    for (uint32_t i = 0; i < 8; ++i) to[half * 8 + i] = chunk[i];
  }
}

// An operand [16, n] stored by rows of n, read as columns: 8 rows to a block, 64 columns to a line.
void read_columns(const Reader& reader, const Descriptor& at, int n, double (*to)[kDepth]) {
  for (uint32_t k = 0; k < kDepth; ++k)
    for (uint32_t c = 0; c < static_cast<uint32_t>(n) / 8; ++c) {
      double chunk[8];
      reader.chunk(at.start + k / 8 * at.stride + k % 8 * kRowBytes + c / 8 * at.leading + c % 8 * kChunkBytes, chunk);
      for (uint32_t i = 0; i < 8; ++i) to[c * 8 + i][k] = chunk[i];
    }
}

}  // namespace

bool WarpgroupProduct::same_for_all(const WarpgroupProduct& other) const {
  return (a == nullptr) == (other.a == nullptr) && a_descriptor == other.a_descriptor &&
         b_descriptor == other.b_descriptor && n == other.n && b_by_columns == other.b_by_columns &&
         accumulate == other.accumulate && number == other.number;
}

WarpgroupProducts::WarpgroupProducts(int threads, SharedMemory& shared)
    : shared_(shared),
      queues_(static_cast<size_t>(threads)),
      done_(static_cast<size_t>(threads / kWarpLanes / kWarps + 1)),
      count_(static_cast<size_t>(threads / kWarpLanes)) {}

void WarpgroupProducts::issue(int thread, const WarpgroupProduct& product) {
  queues_[static_cast<size_t>(thread)].open.push_back(product);
}

void WarpgroupProducts::commit(int thread) {
  Queue& queue = queues_[static_cast<size_t>(thread)];
  queue.committed.push_back(std::move(queue.open));
  queue.open.clear();
}

void WarpgroupProducts::wait(int first, size_t groups_left) {
  const auto begin = queues_.begin() + first, end = begin + kWarpLanes;
  for (auto queue = begin; queue != end; ++queue)
    if (queue->committed.size() != begin->committed.size())
      fail(ErrorKind::internal, "lanes of warp {} have committed {} and {} groups of products", first / kWarpLanes,
           begin->committed.size(), queue->committed.size());
  while (begin->committed.size() > groups_left) {
    for (auto queue = begin; queue != end; ++queue)
      if (queue->committed.front().size() != begin->committed.front().size())
        fail(ErrorKind::internal, "lanes of warp {} have issued {} and {} products", first / kWarpLanes,
             begin->committed.front().size(), queue->committed.front().size());
    for (size_t product = 0; product < begin->committed.front().size(); ++product) run(first, product);
    for (auto queue = begin; queue != end; ++queue) queue->committed.erase(queue->committed.begin());
  }
}

// The four warps of a warpgroup run the same products in the same order.
void WarpgroupProducts::check_agreement(int first, const WarpgroupProduct& product) {
  const int warp = first / kWarpLanes;
  std::vector<WarpgroupProduct>& done = done_[static_cast<size_t>(warp / kWarps)];
  const size_t index = count_[static_cast<size_t>(warp)]++;
  if (index == done.size()) done.push_back(product);
  if (!done[index].same_for_all(product))
    fail(ErrorKind::internal, "warp {} differs from its warpgroup in product {}", warp, index);
}

void WarpgroupProducts::run(int first, size_t product) {
  const auto share = [&](int lane) -> const WarpgroupProduct& {
    return queues_[static_cast<size_t>(first + lane)].committed.front()[product];
  };
  const WarpgroupProduct& all = share(0);
  for (int lane = 1; lane < kWarpLanes; ++lane)
    if (!share(lane).same_for_all(all))
      fail(ErrorKind::internal, "lanes 0 and {} of warp {} differ in a warpgroup product", lane, first / kWarpLanes);
  check_agreement(first, all);

  const Reader reader{shared_, first, all.number};
  double a[kRows][kDepth], b[kMostColumns][kDepth];
  for (int row = 0; row < kRows && !all.a; ++row)
    read_row(reader, Descriptor(all.a_descriptor), static_cast<uint32_t>(first / kWarpLanes % kWarps * kRows + row),
             a[row]);
  for (int lane = 0; lane < kWarpLanes && all.a; ++lane)
    for (int word = 0; word < 4; ++word)
      for (int i = 0; i < 2; ++i)
        a[lane / 4 + word % 2 * 8][lane % 4 * 2 + word / 2 * 8 + i] =
            all.number(static_cast<uint16_t>(share(lane).a[word] >> (16 * i)));
  if (all.b_by_columns)
    read_columns(reader, Descriptor(all.b_descriptor), all.n, b);
  else
    for (int row = 0; row < all.n; ++row)
      read_row(reader, Descriptor(all.b_descriptor), static_cast<uint32_t>(row), b[row]);

  for (int lane = 0; lane < kWarpLanes; ++lane)
    for (int i = 0; i < all.n / 2; ++i) {
      const int row = lane / 4 + i / 2 % 2 * 8, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
      double sum = all.accumulate ? share(lane).d[i] : 0.0;
      for (int k = 0; k < kDepth; ++k) sum += a[row][k] * b[column][k];
      share(lane).d[i] = static_cast<float>(sum);
    }
}

}  // namespace soragen::kernels::emulator
