// Global and shared memory on the CPU; device.h says what each name does.
#pragma once

#include "kernels/device/emulator/block.h"
#include "kernels/device/emulator/global_memory.h"

namespace soragen::kernels {

template <typename V>
V load_global(const void* address) {
  emulator::check_global(address, sizeof(V), emulator::Access::read);
  V value;
  std::memcpy(&value, address, sizeof(V));
  return value;
}

template <typename V>
void store_global(void* address, V value) {
  emulator::check_global(address, sizeof(V), emulator::Access::read_write);
  std::memcpy(address, &value, sizeof(V));
}

inline uint32_t shared_memory() { return emulator::kSharedBase; }

template <typename V>
V load_shared(uint32_t address) {
  emulator::Block& block = emulator::Block::current();
  V value;
  block.shared().read(block.thread(), address, &value, sizeof(V));
  return value;
}

template <typename V>
void store_shared(uint32_t address, V value) {
  emulator::Block& block = emulator::Block::current();
  block.shared().write(block.thread(), address, &value, sizeof(V));
}

inline void copy_async(uint32_t address, const void* source, bool valid) {
  emulator::Block::current().copy_async(address, valid ? source : nullptr);
}
inline void commit_copies() { emulator::Block::current().commit_copies(); }
template <int groups_left>
void wait_copies() {
  emulator::Block::current().wait_copies(groups_left);
}

}  // namespace soragen::kernels
