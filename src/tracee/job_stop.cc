// Stops of job control in a task that we hold. The kernel takes signals when the task is about to go back to its
// program, and traps it on the way, so nothing of that program runs meanwhile. The stop of a traced task counts as the
// stop of its process all the same (get_signal() and do_signal_stop() in kernel/signal.c).
#include <sys/wait.h>

#include "base/scope_guard.h"
#include "kernel/signals.h"
#include "tracee/ptrace.h"
#include "tracee/task.h"

namespace cairn::tracee {
namespace {

constexpr auto kPatience = std::chrono::seconds(5);

bool is_delivery_of(int signal, int status) { return status >> 16 == 0 && WSTOPSIG(status) == signal; }

}  // namespace

// Up to the stop in which the signal is about to be delivered; blocked are all others.
void Task::come_to_signal(int signal) {
  if (!ptrace::set_mask(thread_, ~kernel::signal_bit(signal))) fail_as_dead();
  do {
    go_on();
  } while (!is_delivery_of(signal, next_stop(Clock::now() + kPatience)));
}

// A batch that is about to go on needs its mask. An interrupt that is asked for in a stop comes after the signal; if
// that stops the process, the two are one.
bool Task::stop_by(int signal) {
  auto mask = ptrace::get_mask(thread_);
  if (!mask) fail_as_dead();
  ScopeGuard put_back([&] { ptrace::set_mask(thread_, *mask); });
  kernel::tgkill(process_, thread_, signal);
  come_to_signal(signal);
  if (!ptrace::interrupt(thread_) || !ptrace::resume(thread_, ptrace::Resume::kContinue, signal)) fail_as_dead();
  stopped_ = false;
  return WSTOPSIG(next_stop(Clock::now() + kPatience)) == signal;
}

// It is left standing where the signal, which does nothing more, would be delivered.
void Task::continue_job() {
  auto mask = ptrace::get_mask(thread_);
  if (!mask) fail_as_dead();
  ScopeGuard put_back([&] { ptrace::set_mask(thread_, *mask); });
  kernel::kill(process_, SIGCONT);
  come_to_signal(SIGCONT);
}

}  // namespace cairn::tracee
