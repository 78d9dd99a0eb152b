// A restored job in the foreground: cairn stands between its caller and the job as a shell would.
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "engine/forwarded_signals.h"
#include "engine/restore.h"
#include "kernel/calls.h"

namespace cairn::engine {
namespace {

std::atomic<pid_t> job = 0;

// A signal handler: nothing but system calls. What the terminal sends to our process group has reached the job too,
// when it is in that group.
void forward(int signal, siginfo_t* info, void*) {
  if (info->si_code == SI_KERNEL && ::getpgid(job) == ::getpgrp()) return;
  ::kill(job, signal);
}

sigset_t forwarded_set() {
  sigset_t set;
  ::sigemptyset(&set);
  for (int signal : kForwardedSignals) ::sigaddset(&set, signal);
  return set;
}

// Its end, or a stop.
int wait_for_change(const RestoreResult& restored) {
  for (;;) {
    if (restored.init) {
      if (auto status = restored.init->wait_for_root()) return *status;
      continue;
    }
    int status = 0;
    long result = kernel::call("wait4", SYS_wait4, restored.root.value, kernel::arg(&status), WUNTRACED, 0);
    if (result >= 0) return status;
    if (result != -EINTR)
      throw Error::system(fmt::format("wait for process {}", restored.root.value), static_cast<int>(-result));
  }
}

// Of a job that asks for the terminal when the shell has just made us the foreground (fg) nobody need know.
void stop_like_job(HostPid root, int signal, JobTerminal& terminal) {
  bool asks = signal == SIGTTIN || signal == SIGTTOU;
  if (!asks || !terminal.lend(root)) {
    terminal.take_back();
    kernel::kill({::getpid()}, SIGSTOP);
    terminal.lend(root);
  }
  pid_t group = ::getpgid(root.value);
  if (group > 0 && group != ::getpgrp()) ::kill(-group, SIGCONT);
}

}  // namespace

void hold_signals_for_job() {
  sigset_t set = forwarded_set();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

int wait_for_job(const RestoreResult& restored, JobTerminal& terminal) {
  job = restored.root.value;
  struct sigaction action {};
  action.sa_sigaction = forward;
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  for (int signal : kForwardedSignals) ::sigaction(signal, &action, nullptr);
  sigset_t set = forwarded_set();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  for (;;) {
    int status = wait_for_change(restored);
    if (!WIFSTOPPED(status)) {
      terminal.take_back();
      return status;
    }
    stop_like_job(restored.root, WSTOPSIG(status), terminal);
  }
}

}  // namespace cairn::engine
