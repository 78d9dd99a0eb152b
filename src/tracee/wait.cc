// Waiting for one task with a deadline. wait4(2) has none, and a tracee's stop shows on no descriptor. Most stops come
// within microseconds, so we look a few times and let others run in between; then we sleep until the SIGCHLD that
// announces a stop. That signal is a hint only (another thread of ours may take it, or it may be ignored): the sleep is
// bounded, and what counts is wait4.
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "kernel/procfs.h"
#include "kernel/signals.h"
#include "tracee/ptrace.h"

namespace cairn::tracee::ptrace {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

constexpr int kLooks = 1;
constexpr nanoseconds kShortestSleep = microseconds(100), kLongestSleep = microseconds(20'000);

std::optional<WaitOutcome> look(HostPid task) {
  int status = 0;
  long result = kernel::call("wait4", SYS_wait4, task.value, kernel::arg(&status), __WALL | WNOHANG, 0);
  if (result == -ECHILD) return WaitOutcome{Waited::kGone};
  if (result == -EINTR || result == 0) return {};
  if (result < 0) throw Error::system(fmt::format("wait4 for task {}", task.value), static_cast<int>(-result));
  return WaitOutcome{WIFSTOPPED(status) ? Waited::kStopped : Waited::kGone, status};
}

// A leader that dies before its threads is a zombie that wait4 doesn't report until they are gone.
bool is_zombie(HostPid task) {
  auto stat = kernel::try_stat_of(task);
  return !stat || stat->has_ended();
}

// Blocks SIGCHLD in this thread for as long as it lives, so that the signal can be slept for.
class ChildSignal {
 public:
  ChildSignal() { change(SIG_BLOCK, &set_, &before_); }
  ~ChildSignal() { change(SIG_SETMASK, &before_, nullptr); }
  ChildSignal(const ChildSignal&) = delete;
  void sleep(nanoseconds time) const {
    timespec timeout = {time.count() / 1'000'000'000, time.count() % 1'000'000'000};
    kernel::call("rt_sigtimedwait", SYS_rt_sigtimedwait, kernel::arg(&set_), 0, kernel::arg(&timeout), sizeof(set_));
  }

 private:
  static void change(int how, const uint64_t* set, uint64_t* before) {
    kernel::call("rt_sigprocmask", SYS_rt_sigprocmask, how, kernel::arg(set), kernel::arg(before), sizeof(*set));
  }
  uint64_t set_ = kernel::signal_bit(SIGCHLD);
  uint64_t before_ = 0;
};

std::optional<WaitOutcome> look_often(HostPid task) {
  for (int n = 0; n < kLooks; ++n) {
    if (auto outcome = look(task)) return outcome;
    kernel::call("sched_yield", SYS_sched_yield);
  }
  return {};
}

WaitOutcome sleep_until_stopped(HostPid task, Deadline deadline) {
  ChildSignal signal;
  nanoseconds pause = kShortestSleep;
  while (true) {
    if (auto outcome = look(task)) return *outcome;
    if (pause > microseconds(1000) && is_zombie(task)) return look(task).value_or(WaitOutcome{Waited::kGone});
    nanoseconds rest = deadline - Clock::now();
    if (rest <= nanoseconds(0)) return {Waited::kTimeout};
    signal.sleep(std::min(pause, rest));
    pause = std::min(pause * 2, kLongestSleep);
  }
}

}  // namespace

bool has_untold_stop(HostPid task) {
  siginfo_t info{};
  long result = kernel::call("waitid", SYS_waitid, P_PID, task.value, kernel::arg(&info),
                             WSTOPPED | WNOHANG | WNOWAIT | __WALL, 0);
  return result == 0 && info.si_pid == task.value;
}

WaitOutcome wait_for_stop(HostPid task, Deadline deadline) {
  if (auto outcome = look_often(task)) return *outcome;
  return sleep_until_stopped(task, deadline);
}

}  // namespace cairn::tracee::ptrace
