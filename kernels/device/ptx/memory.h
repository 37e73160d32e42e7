// Global and shared memory on the device; device.h says what each name does.
#pragma once

#include <cstdint>

namespace soragen::kernels {
namespace ptx {

template <int bytes>
struct Word;
template <>
struct Word<1> {
  using Type = unsigned char;
};
template <>
struct Word<2> {
  using Type = unsigned short;
};
template <>
struct Word<4> {
  using Type = unsigned int;
};
template <>
struct Word<8> {
  using Type = uint2;
};
template <>
struct Word<16> {
  using Type = uint4;
};

// One access of sizeof(V) bytes, whatever V is made of. The compiler splits wide stores to global memory
// when it can, so those are written out.
template <typename V>
__device__ __forceinline__ V load(const void* address) {
  using W = typename Word<sizeof(V)>::Type;
  const W word = *static_cast<const W*>(address);
  V value;
  memcpy(&value, &word, sizeof(V));
  return value;
}

template <typename W>
__device__ __forceinline__ void store_word(W* address, W word) {
  *address = word;
}
__device__ __forceinline__ void store_word(uint2* address, uint2 word) {
  asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(__cvta_generic_to_global(address)), "r"(word.x), "r"(word.y)
               : "memory");
}
__device__ __forceinline__ void store_word(uint4* address, uint4 word) {
  asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(address)), "r"(word.x),
               "r"(word.y), "r"(word.z), "r"(word.w)
               : "memory");
}

template <typename V>
__device__ __forceinline__ typename Word<sizeof(V)>::Type to_word(V value) {
  typename Word<sizeof(V)>::Type word;
  memcpy(&word, &value, sizeof(V));
  return word;
}

}  // namespace ptx

template <typename V>
__device__ __forceinline__ V load_global(const void* address) {
  return ptx::load<V>(address);
}
template <typename V>
__device__ __forceinline__ void store_global(void* address, V value) {
  ptx::store_word(static_cast<typename ptx::Word<sizeof(V)>::Type*>(address), ptx::to_word(value));
}

__device__ __forceinline__ uint32_t shared_memory() {
  extern __shared__ __align__(1024) unsigned char block_memory[];
  return static_cast<uint32_t>(__cvta_generic_to_shared(block_memory));
}

template <typename V>
__device__ __forceinline__ V load_shared(uint32_t address) {
  return ptx::load<V>(__cvta_shared_to_generic(address));
}
template <typename V>
__device__ __forceinline__ void store_shared(uint32_t address, V value) {
  *static_cast<typename ptx::Word<sizeof(V)>::Type*>(__cvta_shared_to_generic(address)) = ptx::to_word(value);
}

__device__ __forceinline__ void copy_async(uint32_t address, const void* source, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(__cvta_generic_to_global(source)),
               "r"(valid ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int groups_left>
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(groups_left) : "memory");
}

}  // namespace soragen::kernels
