#include "kernels/device/emulator/fibers.h"

#include <ucontext.h>

#include <map>

#include "core/fail.h"

namespace soragen::kernels::emulator {
namespace {

// A kernel's registers live here; deep call chains do not exist in kernels. Sanitizers make frames larger.
constexpr size_t kStackBytes = 256 * 1024;

}  // namespace
}  // namespace soragen::kernels::emulator

// AddressSanitizer's notes of a change of stacks; null where it is not linked.
extern "C" {
__attribute__((weak)) void __sanitizer_start_switch_fiber(void** save, const void* bottom, size_t bytes);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void* saved, const void** old_bottom, size_t* old_bytes);
}

namespace soragen::kernels::emulator {

void Fibers::leave(int to) {
  const int from = running_;
  running_ = to;
  if (!__sanitizer_start_switch_fiber) return;
  const bool for_good = from >= 0 && fibers_[from].returned;
  void** save = from < 0 ? &main_sanitizer_stack_ : &fibers_[from].sanitizer_stack;
  __sanitizer_start_switch_fiber(for_good ? nullptr : save, to < 0 ? main_stack_ : fibers_[to].stack.get(),
                                 to < 0 ? main_stack_bytes_ : kStackBytes);
}

void Fibers::arrive(void* saved) {
  if (!__sanitizer_finish_switch_fiber) return;
  const void* bottom = nullptr;
  size_t bytes = 0;
  __sanitizer_finish_switch_fiber(saved, &bottom, &bytes);
  if (main_stack_) return;
  main_stack_ = bottom;  // the first to arrive comes from there
  main_stack_bytes_ = bytes;
}

// ucontext only starts a fiber on its stack. Between started fibers _longjmp switches: swapcontext saves the
// signal mask by a system call, 25 times the cost, and a kernel switches at every warp instruction.
//
// AddressSanitizer must not mark the locals of start and jump, which never return to take the marks away.
__attribute__((no_sanitize_address)) void Fibers::start(int fiber) {
  fibers_[fiber].started = true;
  current_ = fiber;
  leave(fiber);
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = fibers_[fiber].stack.get();
  context.uc_stack.ss_size = kStackBytes;
  context.uc_link = nullptr;
  const auto self = reinterpret_cast<uintptr_t>(this);  // makecontext passes ints
  makecontext(&context, reinterpret_cast<void (*)()>(&Fibers::enter), 2, static_cast<unsigned>(self >> 32),
              static_cast<unsigned>(self));
  setcontext(&context);
  std::abort();  // setcontext does not return
}

void Fibers::enter(unsigned high, unsigned low) {
  auto& fibers = *reinterpret_cast<Fibers*>(static_cast<uintptr_t>(high) << 32 | low);
  fibers.arrive(nullptr);
  try {
    (*fibers.body_)();
  } catch (...) {
    fibers.failure_ = std::current_exception();
  }
  fibers.fibers_[fibers.current_].returned = true;
  --fibers.unfinished_;
  fibers.jump(fibers.failure_ ? -1 : fibers.next());
}

int Fibers::next() const {
  const int count = static_cast<int>(fibers_.size());
  for (int i = 1; i <= count; ++i) {
    const int candidate = (current_ + i) % count;
    if (can_run(fibers_[candidate])) return candidate;
  }
  return -1;
}

__attribute__((no_sanitize_address)) void Fibers::jump(int to) {
  if (to >= 0 && !fibers_[to].started) start(to);
  leave(to);
  if (to < 0) _longjmp(main_, 1);
  current_ = to;
  fibers_[to].counter = nullptr;
  _longjmp(fibers_[to].context, 1);
}

void Fibers::wait_for_change(const uint64_t& counter, const char* what) {
  Fiber& fiber = fibers_[current_];
  fiber.counter = &counter;
  fiber.seen = counter;
  fiber.what = what;
  const int to = next();
  if (_setjmp(fiber.context) == 0) jump(to);
  arrive(fibers_[current_].sanitizer_stack);
}

void Fibers::run(int count, const std::function<void()>& body) {
  fibers_.resize(static_cast<size_t>(count));
  for (Fiber& fiber : fibers_) {
    if (!fiber.stack) fiber.stack = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
    fiber.counter = nullptr;
    fiber.started = fiber.returned = false;
  }
  body_ = &body;
  unfinished_ = count;
  failure_ = nullptr;
  current_ = count - 1;  // so that fiber 0 is next
  if (_setjmp(main_) == 0) jump(next());
  arrive(main_sanitizer_stack_);
  if (failure_) std::rethrow_exception(failure_);
  if (unfinished_ > 0) report_deadlock();
}

void Fibers::report_deadlock() const {
  std::map<std::string, std::string> waiting;  // what -> the threads
  for (size_t i = 0; i < fibers_.size(); ++i)
    waiting[fibers_[i].returned ? "have returned" : std::string("wait at ") + fibers_[i].what] += fmt::format(" {}", i);
  std::string report;
  for (const auto& [what, threads] : waiting) report += fmt::format("\n  {}: threads{}", what, threads);
  fail(ErrorKind::internal, "the threads of a block diverged and none can go on:{}", report);
}

}  // namespace soragen::kernels::emulator
