// Warpgroup matrix products on the device; sm90.h says what each name does.
#pragma once

#include "kernels/element.h"

namespace soragen::kernels {

__device__ __forceinline__ void open_matrices() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void commit_matrices() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int groups_left>
__device__ __forceinline__ void wait_matrices() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(groups_left) : "memory");
}

// The products write registers behind the compiler's back: no use of d may move above this.
template <int n>
__device__ __forceinline__ void settle(float (&d)[n]) {
#pragma unroll
  for (int i = 0; i < n; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

template <typename T, int n>
__device__ __forceinline__ void multiply_tiles(float (&d)[n / 2], uint64_t a, uint64_t b, bool accumulate);
template <typename T, int n>
__device__ __forceinline__ void multiply_tile(float (&d)[n / 2], const uint32_t (&a)[4], uint64_t b, bool accumulate);

// An instruction names each of its n / 2 sums.
#define SORAGEN_SUMS_8(i)                                                                                     \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), \
      "+f"(d[i + 7])
#define SORAGEN_SUMS_32(i) SORAGEN_SUMS_8(i), SORAGEN_SUMS_8(i + 8), SORAGEN_SUMS_8(i + 16), SORAGEN_SUMS_8(i + 24)
#define SORAGEN_NAMES_32                                                                                      \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, " \
  "%23, %24, %25, %26, %27, %28, %29, %30, %31"
#define SORAGEN_NAMES_64                                                                                   \
  SORAGEN_NAMES_32                                                                                         \
  ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, " \
  "%52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"

// After the sums: A's descriptor, B's, and whether to accumulate; no negation, both operands by rows.
#define SORAGEN_MULTIPLY_TILES_128(Type, type)                                                                        \
  template <>                                                                                                         \
  __device__ __forceinline__ void multiply_tiles<Type, 128>(float(&d)[64], uint64_t a, uint64_t b, bool accumulate) { \
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %66, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type  \
                 " {" SORAGEN_NAMES_64 "}, %64, %65, p, 1, 1, 0, 0; }"                                                \
                 : SORAGEN_SUMS_32(0), SORAGEN_SUMS_32(32)                                                            \
                 : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)));                                                \
  }
SORAGEN_MULTIPLY_TILES_128(Bf16, "bf16")
SORAGEN_MULTIPLY_TILES_128(Half, "f16")
#undef SORAGEN_MULTIPLY_TILES_128

// After the sums: A's four registers, B's descriptor, whether to accumulate; B by columns.
#define SORAGEN_MULTIPLY_TILE_64(Type, type)                                                                        \
  template <>                                                                                                       \
  __device__ __forceinline__ void multiply_tile<Type, 64>(float(&d)[32], const uint32_t(&a)[4], uint64_t b,         \
                                                          bool accumulate) {                                        \
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %37, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type \
                 " {" SORAGEN_NAMES_32 "}, {%32, %33, %34, %35}, %36, p, 1, 1, 1; }"                                \
                 : SORAGEN_SUMS_32(0)                                                                               \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(accumulate)));          \
  }
SORAGEN_MULTIPLY_TILE_64(Bf16, "bf16")
SORAGEN_MULTIPLY_TILE_64(Half, "f16")
#undef SORAGEN_MULTIPLY_TILE_64

#define SORAGEN_MULTIPLY_TILE_128(Type, type)                                                                        \
  template <>                                                                                                        \
  __device__ __forceinline__ void multiply_tile<Type, 128>(float(&d)[64], const uint32_t(&a)[4], uint64_t b,         \
                                                           bool accumulate) {                                        \
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %69, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type \
                 " {" SORAGEN_NAMES_64 "}, {%64, %65, %66, %67}, %68, p, 1, 1, 1; }"                                 \
                 : SORAGEN_SUMS_32(0), SORAGEN_SUMS_32(32)                                                           \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(accumulate)));           \
  }
SORAGEN_MULTIPLY_TILE_128(Bf16, "bf16")
SORAGEN_MULTIPLY_TILE_128(Half, "f16")
#undef SORAGEN_MULTIPLY_TILE_128

#undef SORAGEN_SUMS_8
#undef SORAGEN_SUMS_32
#undef SORAGEN_NAMES_32
#undef SORAGEN_NAMES_64

}  // namespace soragen::kernels
