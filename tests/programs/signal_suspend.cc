// sigsuspend(2): a child waits with another mask; the signal ends the wait, and the old mask is back afterwards.
#include <signal.h>

#include "program.h"

static volatile int handled;

int main() {
  sigset_t blocked, waiting;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigaddset(&blocked, 60);
  sigemptyset(&waiting);
  sigaddset(&waiting, SIGUSR2);
  signal(SIGUSR1, [](int) { handled = handled + 1; });
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
  const pid_t waiter = child_in(SYS_rt_sigsuspend, [&] {
    check(sigsuspend(&waiting) == -1 && errno == EINTR, "sigsuspend: errno %d", errno);
    check_equal(handled, 1, "signals handled");
    sigset_t after;
    sigprocmask(SIG_SETMASK, nullptr, &after);
    check(sigismember(&after, SIGUSR1) && sigismember(&after, 60) && !sigismember(&after, SIGUSR2), "the mask");
  });
  ready_and_wait();
  must(kill(waiter, SIGUSR1), "kill");
  check_exit(waiter);
  pass();
}
