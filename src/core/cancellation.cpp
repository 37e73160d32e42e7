#include "core/cancellation.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

#include "core/fail.h"

namespace soragen {
namespace {

std::atomic<bool> cancelled{false};
static_assert(std::atomic<bool>::is_always_lock_free, "used from a signal handler");

extern "C" void on_signal(int) {
  if (cancelled.exchange(true)) ::_exit(static_cast<int>(ErrorKind::interrupted));
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = SIG_IGN;  // a closed pipe is an error of the write, not the end of the process
  ::sigaction(SIGPIPE, &action, nullptr);
}

bool is_cancelled() { return cancelled.load(std::memory_order_relaxed); }

void check_cancelled() {
  if (is_cancelled()) throw Error(ErrorKind::interrupted, "interrupted");
}

void request_cancellation() { cancelled = true; }
void reset_cancellation() { cancelled = false; }

}  // namespace soragen
