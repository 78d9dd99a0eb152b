// fcntl(2) F_SETOWN, F_SETSIG, O_ASYNC on a pipe: the owner gets the chosen signal when data comes.
#include <signal.h>

#include "program.h"

int main() {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN + 3);
  sigprocmask(SIG_BLOCK, &mask, nullptr);
  int ends[2];
  must(pipe(ends), "pipe");
  must(fcntl(ends[0], F_SETOWN, getpid()), "F_SETOWN");
  must(fcntl(ends[0], F_SETSIG, SIGRTMIN + 3), "F_SETSIG");
  must(fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK), "F_SETFL");
  ready_and_wait();
  must(write(ends[1], "x", 1), "write");
  siginfo_t info;
  const timespec second{5, 0};
  check_equal(must(sigtimedwait(&mask, &info, &second), "sigtimedwait"), SIGRTMIN + 3, "signal");
  check_equal(info.si_fd, ends[0], "si_fd");
  pass();
}
