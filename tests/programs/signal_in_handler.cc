// sigreturn(2): a process that is inside a nested handler goes back to where it was, with registers, stack and mask.
#include <signal.h>

#include "program.h"

static int ends[2];
static volatile int depth;

int main() {
  must(pipe(ends), "pipe");
  struct sigaction action {};
  sigaddset(&action.sa_mask, 50);
  action.sa_handler = [](int number) {
    depth = depth + 1;
    if (number == SIGUSR1) raise(SIGUSR2);
    char byte;
    if (number == SIGUSR2) must(read(ends[0], &byte, 1), "read in the handler");
    depth = depth - 1;
  };
  must(sigaction(SIGUSR1, &action, nullptr), "sigaction");
  must(sigaction(SIGUSR2, &action, nullptr), "sigaction");
  const pid_t inside = child_in(SYS_read, [] {
    volatile double before = 1.5;
    raise(SIGUSR1);
    check_equal(depth, 0, "depth");
    check(before == 1.5, "a variable has changed");
    sigset_t mask;
    sigprocmask(SIG_SETMASK, nullptr, &mask);
    check(!sigismember(&mask, 50) && !sigismember(&mask, SIGUSR1), "the mask of the handler is left");
  });
  ready_and_wait();
  must(write(ends[1], "x", 1), "write");
  check_exit(inside);
  pass();
}
