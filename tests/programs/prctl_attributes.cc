// prctl(2): flags of a process and of a thread that nothing else shows.
// modes: not user (it waits by /proc/PID/syscall, which a process that is not dumpable shows to root only)
#include <signal.h>
#include <sys/prctl.h>

#include "program.h"

static int get(int option) {
  int value = -1;
  must(prctl(option, &value, 0, 0, 0), "prctl");
  return value;
}

int main() {
  must(prctl(PR_SET_DUMPABLE, 0), "PR_SET_DUMPABLE");
  must(prctl(PR_SET_CHILD_SUBREAPER, 1), "PR_SET_CHILD_SUBREAPER");
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
  must(prctl(PR_SET_KEEPCAPS, 1), "PR_SET_KEEPCAPS");
  must(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), "PR_SET_THP_DISABLE");
  must(prctl(PR_SET_TIMERSLACK, 0x1'0000'0007), "PR_SET_TIMERSLACK");
  int ends[2];
  must(pipe(ends), "pipe");
  std::thread other = thread_in(SYS_read, [&] {
    must(prctl(PR_SET_TIMERSLACK, 12'345), "PR_SET_TIMERSLACK");
    must(prctl(PR_SET_KEEPCAPS, 0), "PR_SET_KEEPCAPS");
    char byte;
    must(read(ends[0], &byte, 1), "read");
    check_equal(prctl(PR_GET_TIMERSLACK), 12'345, "slack of the thread");
    check_equal(prctl(PR_GET_KEEPCAPS), 0, "kept capabilities of the thread");
  });
  ready_and_wait();
  check_equal(prctl(PR_GET_DUMPABLE), 0, "dumpable");
  check_equal(get(PR_GET_CHILD_SUBREAPER), 1, "child subreaper");
  check_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1, "no new privileges");
  check_equal(prctl(PR_GET_KEEPCAPS), 1, "kept capabilities");
  check_equal(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1, "no huge pages");
  check_equal(syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0), 0x1'0000'0007, "timer slack");
  must(write(ends[1], "x", 1), "write");
  other.join();
  pass();
}
