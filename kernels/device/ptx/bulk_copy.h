// Bulk copies, their barriers, barriers of some warps, and register budgets on the device; sm90.h says what each name
// does.
#pragma once

#include "kernels/device/ptx/tensor_map.h"

namespace soragen::kernels {

__device__ __forceinline__ void init_barrier(uint32_t address, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(address), "r"(arrivals) : "memory");
}

// To the other threads, and to the copy engine, which sees shared memory through a proxy of its own.
__device__ __forceinline__ void publish_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

__device__ __forceinline__ void arrive(uint32_t address) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(address) : "memory");
}

__device__ __forceinline__ void expect_bytes(uint32_t address, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address), "r"(bytes) : "memory");
}

__device__ __forceinline__ void wait_barrier(uint32_t address, uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred over;\n"
      "again_%=:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 over, [%0], %1;\n"
      "@!over bra again_%=;\n"
      "}" ::"r"(address),
      "r"(parity)
      : "memory");
}

__device__ __forceinline__ void copy_box(uint32_t address, const TensorMap& map, const BoxOrigin& x, uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5}], "
      "[%6];" ::"r"(address),
      "l"(&map), "r"(x.number), "r"(x.token), "r"(x.head), "r"(x.batch), "r"(barrier)
      : "memory");
}

__device__ __forceinline__ void sync_threads(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

template <int registers>
__device__ __forceinline__ void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}
template <int registers>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}

}  // namespace soragen::kernels
