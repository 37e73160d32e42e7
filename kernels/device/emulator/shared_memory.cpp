#include "kernels/device/emulator/shared_memory.h"

#include <cstring>

#include "core/fail.h"

namespace soragen::kernels::emulator {
namespace {

constexpr int kSeveral = -2;

}  // namespace

size_t SharedMemory::check(int thread, const char* act, uint32_t address, size_t bytes) const {
  if (address < kSharedBase || address - kSharedBase + bytes > data_.size())
    fail(ErrorKind::internal, "thread {} {} {} bytes at shared offset {}; the block has {} bytes", thread, act, bytes,
         static_cast<int64_t>(address) - kSharedBase, data_.size());
  if (address % bytes != 0)
    fail(ErrorKind::internal, "thread {} {} {} bytes at shared offset {}, which is no multiple of {}", thread, act,
         bytes, address - kSharedBase, bytes);
  return address - kSharedBase;
}

void SharedMemory::read(int thread, uint32_t address, void* to, size_t bytes) {
  const size_t offset = check(thread, "reads", address, bytes);
  const Event now = ordering_.now(thread);
  for (size_t i = offset; i < offset + bytes; ++i) {
    const Cell& cell = cells_[i];
    if (cell.state == State::unwritten)
      fail(ErrorKind::internal, "thread {} reads shared offset {}, which nobody has written", thread, i);
    if (cell.state == State::in_flight)
      fail(ErrorKind::internal, "thread {} reads shared offset {} before the copy into it was waited for", thread, i);
    if (!ordering_.before(cell.writer, thread))
      fail(ErrorKind::internal, "thread {} reads shared offset {}, written by thread {} with no barrier in between",
           thread, i, cell.writer.thread);
    Reader& reader = readers_[i * agents_ + static_cast<size_t>(thread / kWarpLanes)];
    const bool joined = reader.clock == now.clock && reader.thread != thread;
    reader = {now.clock, joined ? kSeveral : thread};
  }
  std::memcpy(to, data_.data() + offset, bytes);
}

void SharedMemory::check_overwrite(int thread, size_t offset) const {
  const Cell& cell = cells_[offset];
  if (cell.state == State::in_flight)
    fail(ErrorKind::internal, "thread {} writes shared offset {} while a copy into it is in flight", thread, offset);
  if (cell.state == State::written && !ordering_.before(cell.writer, thread))
    fail(ErrorKind::internal, "threads {} and {} write shared offset {} with no barrier in between", cell.writer.thread,
         thread, offset);
  for (size_t agent = 0; agent < agents_; ++agent) {
    const Reader& reader = readers_[offset * agents_ + agent];
    if (reader.clock == 0 || reader.thread == thread) continue;
    const Event event{static_cast<int32_t>(agent) * kWarpLanes, reader.clock};
    const bool same_thread_event = event.thread == thread;  // before() would call it the thread's own
    const bool ordered =
        same_thread_event ? reader.clock < ordering_.now(thread).clock : ordering_.before(event, thread);
    if (!ordered)
      fail(ErrorKind::internal,
           "thread {} writes shared offset {}, which warp {} may still be reading: no barrier in between", thread,
           offset, agent);
  }
}

void SharedMemory::write(int thread, uint32_t address, const void* from, size_t bytes) {
  const size_t offset = check(thread, "writes", address, bytes);
  const Event now = ordering_.now(thread);
  for (size_t i = offset; i < offset + bytes; ++i) {
    check_overwrite(thread, i);
    cells_[i] = {now, State::written};
  }
  std::memcpy(data_.data() + offset, from, bytes);
}

void SharedMemory::start(int thread, uint32_t address, size_t bytes) {
  const size_t offset = check(thread, "copies", address, bytes);
  for (size_t i = offset; i < offset + bytes; ++i) {
    check_overwrite(thread, i);
    cells_[i].state = State::in_flight;
  }
}

void SharedMemory::land(Event writer, uint32_t address, const void* from, size_t bytes) {
  const size_t offset = address - kSharedBase;
  for (size_t i = offset; i < offset + bytes; ++i) cells_[i] = {writer, State::written};
  std::memcpy(data_.data() + offset, from, bytes);
}

}  // namespace soragen::kernels::emulator
