// sigqueue(3): blocked signals that wait for the process keep number, order, value, sender and code.
#include <signal.h>

#include "program.h"

int main() {
  sigset_t mask;
  sigfillset(&mask);
  sigprocmask(SIG_BLOCK, &mask, nullptr);
  void* const big = reinterpret_cast<void*>(0xfedc'ba98'7654'3210);
  must(sigqueue(getpid(), SIGRTMIN + 5, {.sival_ptr = big}), "sigqueue");
  must(sigqueue(getpid(), SIGUSR2, {.sival_int = -7}), "sigqueue");
  must(kill(getpid(), SIGHUP), "kill");
  ready_and_wait();
  const timespec zero{};
  siginfo_t info;
  check_equal(sigtimedwait(&mask, &info, &zero), SIGHUP, "first signal");
  check_equal(info.si_code, SI_USER, "its code");
  check_equal(info.si_pid, getpid(), "its sender");
  check_equal(sigtimedwait(&mask, &info, &zero), SIGUSR2, "second signal");
  check_equal(info.si_code, SI_QUEUE, "its code");
  check_equal(info.si_int, -7, "its value");
  check_equal(sigtimedwait(&mask, &info, &zero), SIGRTMIN + 5, "third signal");
  check_equal(info.si_ptr, big, "its value");
  check_equal(info.si_uid, getuid(), "its sender's user");
  check(sigtimedwait(&mask, &info, &zero) == -1 && errno == EAGAIN, "one signal too many: %d", info.si_signo);
  pass();
}
