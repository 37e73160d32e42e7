// Bulk copies, transaction barriers and warpgroup products on the CPU; ../sm90.h says what each name does.
#pragma once

#include "core/fail.h"
#include "kernels/device/emulator/block.h"
#include "kernels/device/emulator/global_memory.h"
#include "kernels/device/tensor_boxes.h"

namespace soragen::kernels {

struct TensorMap {
  TensorBoxes boxes;
};

TensorMap make_tensor_map(const TensorBoxes& boxes);

inline void init_barrier(uint32_t address, int arrivals) {
  emulator::Block& block = emulator::Block::current();
  block.transactions().init(block.thread(), address, arrivals);
}
inline void publish_barriers() {}
inline void arrive(uint32_t address) {
  emulator::Block& block = emulator::Block::current();
  block.transactions().arrive(block.thread(), address, 0);
}
inline void expect_bytes(uint32_t address, uint32_t bytes) {
  emulator::Block& block = emulator::Block::current();
  block.transactions().arrive(block.thread(), address, bytes);
}
inline void wait_barrier(uint32_t address, uint32_t parity) {
  emulator::Block& block = emulator::Block::current();
  block.transactions().wait(block.thread(), address, parity);
}
inline void sync_threads(int id, int threads) { emulator::Block::current().barrier(id, threads, true); }

void copy_box(uint32_t address, const TensorMap& map, const BoxOrigin& x, uint32_t barrier);

inline void open_matrices() {}
inline void commit_matrices() {
  emulator::Block& block = emulator::Block::current();
  block.products().commit(block.thread());
}
template <int groups_left>
void wait_matrices() {
  emulator::Block::current().wait_products(groups_left);
}
template <int n>
void settle(float (&)[n]) {}

namespace emulator {

template <typename T>
float number_of(uint16_t bits) {
  return to_float(T{bits});
}

}  // namespace emulator

template <typename T, int n>
void multiply_tiles(float (&d)[n / 2], uint64_t a, uint64_t b, bool accumulate) {
  emulator::Block& block = emulator::Block::current();
  block.products().issue(block.thread(), {.d = d,
                                          .a_descriptor = a,
                                          .b_descriptor = b,
                                          .n = n,
                                          .accumulate = accumulate,
                                          .number = emulator::number_of<T>});
}
template <typename T, int n>
void multiply_tile(float (&d)[n / 2], const uint32_t (&a)[4], uint64_t b, bool accumulate) {
  emulator::Block& block = emulator::Block::current();
  block.products().issue(block.thread(), {.d = d,
                                          .a = a,
                                          .b_descriptor = b,
                                          .n = n,
                                          .b_by_columns = true,
                                          .accumulate = accumulate,
                                          .number = emulator::number_of<T>});
}

template <int registers>
void give_registers() {}
template <int registers>
void take_registers() {}

}  // namespace soragen::kernels
