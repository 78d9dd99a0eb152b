// A child that SIGSTOP has stopped is still stopped, of which its parent was told (or not yet), and goes on by SIGCONT.
#include <signal.h>

#include "program.h"

static pid_t stopped_child(int code) {
  const pid_t pid = child([=] {
    raise(SIGSTOP);
    _exit(code);
  });
  siginfo_t info;
  must(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT), "waitid");
  return pid;
}

int main() {
  const pid_t told = stopped_child(3), untold = stopped_child(4);
  int status = 0;
  check_equal(waitpid(told, &status, WUNTRACED | WNOHANG), told, "the stop that is told");
  ready_and_wait();
  check_equal(waitpid(told, &status, WUNTRACED | WNOHANG | WCONTINUED), 0, "the stop is told twice");
  check_equal(waitpid(untold, &status, WUNTRACED | WNOHANG), untold, "the stop that was not told yet");
  check(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP, "status %#x", status);
  must(kill(told, SIGCONT), "SIGCONT");
  must(kill(untold, SIGCONT), "SIGCONT");
  check_exit(told, 3);
  check_exit(untold, 4);
  pass();
}
