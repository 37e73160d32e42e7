// Cooperative threads: one runs at a time, until it waits or returns. Which one runs next is fixed (the
// next that can, in order), so every run of the emulator is the same run.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

namespace soragen::kernels::emulator {

class Fibers {
 public:
  // Runs `body` once on each of `count` fibers until all have returned. Throws what a fiber threw, or, when
  // nobody can go on, an Error that lists who waits for what. The other fibers are then abandoned where
  // they stand: kernels own nothing that needs a destructor.
  void run(int count, const std::function<void()>& body);

  int current() const { return current_; }

  // Lets the others run until `counter` has moved on from its value at the call. `what` is for the report.
  void wait_for_change(const uint64_t& counter, const char* what);

 private:
  struct Fiber {
    std::unique_ptr<std::byte[]> stack;
    jmp_buf context;
    const uint64_t* counter = nullptr;  // what it waits on, null while it can run
    uint64_t seen = 0;
    const char* what = "";
    bool started = false, returned = false;
    void* sanitizer_stack = nullptr;  // AddressSanitizer's own, while the fiber does not run
  };

  static void enter(unsigned high, unsigned low);
  bool can_run(const Fiber& fiber) const { return !fiber.returned && (!fiber.counter || *fiber.counter != fiber.seen); }
  int next() const;                // a fiber that can run, or -1
  [[noreturn]] void jump(int to);  // gives the processor away; -1: back to run()
  [[noreturn]] void start(int fiber);
  void report_deadlock() const;  // throws
  void leave(int to);            // tells AddressSanitizer which stack runs next (-1: run()'s), and that it does
  void arrive(void* saved);

  std::vector<Fiber> fibers_;
  const std::function<void()>* body_ = nullptr;
  jmp_buf main_;
  void* main_sanitizer_stack_ = nullptr;
  const void* main_stack_ = nullptr;
  size_t main_stack_bytes_ = 0;
  int running_ = -1;  // whose stack this is; -1: run()'s
  int current_ = 0;
  int unfinished_ = 0;
  std::exception_ptr failure_;
};

}  // namespace soragen::kernels::emulator
