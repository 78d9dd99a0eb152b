// prctl(2) PR_SET_PDEATHSIG: a child is told of its parent's death by the signal that it chose.
#include <signal.h>
#include <sys/prctl.h>

#include "program.h"

int main() {
  must(prctl(PR_SET_CHILD_SUBREAPER, 1), "PR_SET_CHILD_SUBREAPER");
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 9);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t parent = child([&] {
    child([&] {
      must(prctl(PR_SET_PDEATHSIG, SIGRTMIN + 9), "PR_SET_PDEATHSIG");
      must(write(ends[1], "x", 1), "write");
      wait_for_go();
      int number = 0;
      must(prctl(PR_GET_PDEATHSIG, &number), "PR_GET_PDEATHSIG");
      check_equal(number, SIGRTMIN + 9, "signal of the parent's death");
      const timespec patience{20, 0};
      check_equal(must(sigtimedwait(&set, nullptr, &patience), "sigtimedwait"), SIGRTMIN + 9, "signal");
    });
    wait_for_go();
    sleep_ms(100);
  });
  char byte;
  must(read(ends[0], &byte, 1), "read");
  ready_and_wait();
  check_exit(parent);
  int status = 0;
  must(waitpid(-1, &status, 0), "waitpid");
  check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status of the orphan: %#x", status);
  pass();
}
