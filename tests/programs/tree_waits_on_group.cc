// wait4(2) with a group, __WALL and WNOTHREAD: a thread waits for its own children only.
#include "program.h"

int main() {
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t member = child_in(SYS_read, [&] {
    char byte;
    read(ends[0], &byte, 1);
    _exit(21);
  });
  must(setpgid(member, 0), "setpgid");
  int status = 0;
  std::thread waiter =
      thread_in(SYS_wait4, [&] { check_equal(must(waitpid(-member, &status, 0), "waitpid"), member, "waited"); });
  const pid_t other = child([] { _exit(22); });
  siginfo_t info;
  must(waitid(P_PID, other, &info, WEXITED | WNOWAIT), "waitid");
  ready_and_wait();
  must(write(ends[1], "x", 1), "write");
  waiter.join();
  check_equal(WEXITSTATUS(status), 21, "status of the member");
  check_exit(other, 22);
  pass();
}
