// sigprocmask(2): signals whose default is to be ignored wait while they are blocked, also one that is ignored by name.
#include <signal.h>

#include "program.h"

int main() {
  const int quiet[] = {SIGCHLD, SIGURG, SIGWINCH};
  sigset_t mask;
  sigemptyset(&mask);
  for (int number : quiet) sigaddset(&mask, number);
  sigaddset(&mask, SIGUSR1);
  signal(SIGUSR1, SIG_IGN);
  sigprocmask(SIG_BLOCK, &mask, nullptr);
  for (int number : quiet) must(sigqueue(getpid(), number, {.sival_int = number}), "sigqueue");
  must(kill(getpid(), SIGUSR1), "kill");
  raise(SIGURG);
  ready_and_wait();
  const timespec zero{};
  siginfo_t info;
  check_equal(sigtimedwait(&mask, &info, &zero), SIGURG, "the thread's own signal");
  check_equal(sigtimedwait(&mask, &info, &zero), SIGUSR1, "the ignored signal");
  for (int number : quiet) {
    check_equal(sigtimedwait(&mask, &info, &zero), number, "signal");
    check_equal(info.si_int, number, "its value");
    check_equal(info.si_code, SI_QUEUE, "its code");
  }
  check(sigtimedwait(&mask, &info, &zero) == -1, "one signal too many: %d", info.si_signo);
  pass();
}
