// The vocabulary of kernels for sm_90a alone, beside device.h: bulk tensor copies, transaction barriers and
// warpgroup matrix products. As there, each name is wrapped once for the device and once for the CPU.
//
// Barriers    mbarrier: 8 bytes of shared memory each. A phase is over when all arrivals and all bytes that
//             were announced for it have come; the first phase has parity 0, the one before it counts as over
//             init_barrier(a, arrivals) publish_barriers()  one thread makes them, then a sync_block
//             arrive(a)                         publishes what the warp did before its last synchronisation
//             expect_bytes(a, bytes)            an arrival that also announces bytes
//             wait_barrier(a, parity)           until the phase of that parity is over
//             sync_threads(id, threads)         bar.sync of some of the block's warps; 0 is sync_block's
// Copies      make_tensor_map(boxes)            on the host: how boxes of a [batch, head, token, number] view are
//                                               cut out
//             copy_box(a, map, x, barrier)      cp.async.bulk.tensor.4d: kBoxNumbers numbers of `rows` tokens from
//                                               x on, as rows of 128 bytes with the 128-byte swizzle; zeros outside
// Matrices    of a warpgroup: four warps, the first of them a multiple of four
//             matrix_descriptor(a, leading, stride)   128-byte swizzle. Rows of 8 x 128 bytes, `stride` bytes from
//                                               one eight to the next; `leading`: between 64 columns and the
//                                               next, where the operand is read by columns
//             open_matrices()                   wgmma.fence: before the first product on registers just written
//             multiply_tiles<T, n>(d, a, b, accumulate)   wgmma m64 n k16: d = a b^T, or d += ; a by rows [64, 16], b
//             by
//                                               rows [n, 16]
//             multiply_tile<T, n>(d, a, b, accumulate)    the same with a in registers and b [16, n] by columns
//             commit_matrices() wait_matrices<n>()    groups of products; the n youngest may still run
//             settle(d)                         tells the compiler that d has changed: after the wait for it
// Registers   give_registers<n>() take_registers<n>()   setmaxnreg for a whole warpgroup
//
// Lane l of warp w (g = l / 4, t = l % 4): d[i] = row 16 w + g + 8 (i / 2 % 2), column 8 (i / 4) + 2 t + i % 2;
// a as in device.h for the warp's own 16 rows.
#pragma once

#include "kernels/device/device.h"
#include "kernels/device/tensor_boxes.h"

namespace soragen::kernels {

constexpr int kWarpgroup = 128;  // threads

// PTX ISA "Matrix Descriptor Format": addresses and offsets in units of 16 bytes, layout 1 = 128-byte swizzle.
__device__ __forceinline__ uint64_t matrix_descriptor(uint32_t address, uint32_t leading_bytes, uint32_t stride_bytes) {
  return uint64_t{address & 0x3FFFFu} >> 4 | uint64_t{leading_bytes >> 4} << 16 | uint64_t{stride_bytes >> 4} << 32 |
         uint64_t{1} << 62;
}

}  // namespace soragen::kernels

#ifdef __CUDACC__
#include "kernels/device/ptx/bulk_copy.h"
#include "kernels/device/ptx/warpgroup.h"
#else
#include "kernels/device/emulator/sm90.h"
#endif
