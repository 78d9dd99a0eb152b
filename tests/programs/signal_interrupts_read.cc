// signal(7): a handler without SA_RESTART makes a waiting read fail with EINTR, and only then; with it the read goes
// on.
#include <signal.h>

#include "program.h"

static pid_t reader(int flags, int descriptor, bool expect_interrupt) {
  return child_in(SYS_read, [=] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    action.sa_flags = flags;
    sigaction(SIGUSR1, &action, nullptr);
    char byte;
    const ssize_t n = read(descriptor, &byte, 1);
    if (expect_interrupt) {
      check(n == -1 && errno == EINTR, "read gave %zd", n);
    } else {
      check_equal(n, 1, "bytes");
    }
  });
}

int main() {
  int never[2], later[2];
  must(pipe(never), "pipe");
  must(pipe(later), "pipe");
  const pid_t interrupted = reader(0, never[0], true), restarted = reader(SA_RESTART, later[0], false);
  ready_and_wait();
  must(kill(interrupted, SIGUSR1), "kill");
  must(kill(restarted, SIGUSR1), "kill");
  check_exit(interrupted);
  must(write(later[1], "x", 1), "write");
  check_exit(restarted);
  pass();
}
