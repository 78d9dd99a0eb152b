// sigqueue(3): ten signals of one real-time number in their order, and one that was sent twice but is no real-time
// signal.
#include <signal.h>

#include "program.h"

int main() {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, 64);
  sigaddset(&mask, SIGUSR1);
  sigprocmask(SIG_BLOCK, &mask, nullptr);
  for (int i = 0; i < 10; i++) must(sigqueue(getpid(), 64, {.sival_int = 0x4000'0000 + i}), "sigqueue");
  for (int i = 0; i < 2; i++) must(sigqueue(getpid(), SIGUSR1, {.sival_int = i}), "sigqueue");
  ready_and_wait();
  const timespec zero{};
  siginfo_t info;
  check_equal(sigtimedwait(&mask, &info, &zero), SIGUSR1, "first signal");
  check_equal(info.si_int, 0, "its value");
  for (int i = 0; i < 10; i++) {
    check_equal(sigtimedwait(&mask, &info, &zero), 64, "signal");
    check_equal(info.si_int, 0x4000'0000 + i, "value");
  }
  check(sigtimedwait(&mask, &info, &zero) == -1, "one signal too many");
  pass();
}
