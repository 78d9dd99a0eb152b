// Breaks a deadlock between PTRACE_SEIZE and execve(2). The seizing of one thread waits for an exec that another thread
// of the process has begun (both take cred_guard_mutex); the exec kills the other threads and waits until they are
// reaped (de_thread() in fs/exec.c); and those that we trace already can only be reaped by us, who wait. Nothing in
// user space sees it coming. So a timer ticks while threads are seized, and a tick that finds the same PTRACE_SEIZE
// still going on reaps our dead tracees from its signal handler; the exec goes on, and the kernel restarts the
// PTRACE_SEIZE.
#pragma once

#include <array>
#include <atomic>
#include <csignal>
#include <ctime>

#include "base/ids.h"

namespace cairn::tracee {

class SeizeWatch {
 public:
  SeizeWatch();
  SeizeWatch(const SeizeWatch&) = delete;
  ~SeizeWatch();

  // Around each PTRACE_SEIZE of a thread of `process`.
  void begin(HostPid process);
  void end();

 private:
  static void tick(int);
  void reap_dead() const;
  void reap_dead_of(int directory) const;

  std::atomic<bool> seizing_ = false;
  std::atomic<bool> ticked_ = false;  // during the present PTRACE_SEIZE
  std::array<char, 32> directory_{};  // /proc/PID/task of the process that is seized
  timer_t timer_{};
  struct sigaction action_before_ {};
  sigset_t mask_before_{};
};

}  // namespace cairn::tracee
