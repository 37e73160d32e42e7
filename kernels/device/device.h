// The vocabulary of the CUDA kernels: everything a kernel does beyond arithmetic goes through these names,
// each wrapped once for the device (ptx/) and once for the CPU (emulator/), so that the same .cu file,
// compiled as C++, runs in tests with its layouts, barriers and bounds checked (emulator/block.h says how).
//
// Threads     thread_index() lane_index() warp_index() block_x() block_y() block_z()
//             sync_block()                      bar.sync 0: all threads of the block
//             sync_warp()                       orders memory among the lanes of a warp
//             shuffle_xor(value, mask)          shfl.sync.bfly: the value of lane ^ mask, 4-byte types
// Global      load_global<V>(p) store_global(p, v)      V of 1 to 16 bytes, p aligned to it
// Shared      reached only by byte address (uint32_t), never by pointer
//             shared_memory()                   the block's dynamic shared memory, 1024-byte aligned
//             load_shared<V>(a) store_shared(a, v)
//             copy_async(a, p, valid)           cp.async.cg: 16 bytes global to shared; zeros unless valid
//             commit_copies() wait_copies<n>()  cp.async groups of the calling thread; the n youngest may fly
// Matrix      load_matrices(r, a)               ldmatrix.x4: four 8x8 of 16 bits; lane l gives the row l % 8
//             load_matrices_transposed(r, a)      of matrix l / 8, r[i] is its share of matrix i
//             multiply<T>(d, a, b)              mma.m16n8k16: T = Half, Bf16; d[4] float += a[4] b[2]
//             multiply_half(d, a, b)            the same for Half with d[2] of packed Half
//             multiply_int8(d, a, b)            mma.m16n8k32: d[4] int32 += a[4] b[2] of packed int8
// Numbers     pack<T>(low, high) unpack<T>(word)        two floats and a word of two T, rounded to nearest even
//             exp2_approximate(x)               ex2.approx.ftz: 2^x within 2 ulp, 0 for -infinity
//             opaque(word)                      the word; what derives from it is computed anew in every loop
//                                               instead of being kept in registers across it
// Launch      launch<kernel>(shape, stream, arguments...)
//
// Lane l of a fragment (g = l / 4, t = l % 4), columns of A and rows of B and so on, PTX ISA "Matrix
// Fragments": d = rows g, g, g + 8, g + 8 and columns 2t, 2t + 1, 2t, 2t + 1; a of 16 bits = row g, g + 8, g,
// g + 8 and columns 2t.. of the first, first, second, second eight; b = rows 2t.. of the first and second
// eight, column g. For int8 a word holds four numbers: columns 4t.., and the halves have sixteen.
#pragma once

#include "kernels/element.h"

namespace soragen::kernels {

template <int n>
struct alignas(4 * n) Words {
  uint32_t word[n];
};

}  // namespace soragen::kernels

#ifdef __CUDACC__
#include "kernels/device/ptx/launch.h"
#include "kernels/device/ptx/matrix.h"
#include "kernels/device/ptx/memory.h"
#include "kernels/device/ptx/thread.h"
#else
#include "kernels/device/emulator/launch.h"
#include "kernels/device/emulator/matrix.h"
#include "kernels/device/emulator/memory.h"
#include "kernels/device/emulator/thread.h"
#endif
