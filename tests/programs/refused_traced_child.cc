// refused: trac
// ptrace(2): a child that is traced by its own parent can't be seized.
#include <signal.h>
#include <sys/ptrace.h>

#include "program.h"

int main() {
  const pid_t traced = child([] {
    must(ptrace(PTRACE_TRACEME), "PTRACE_TRACEME");
    raise(SIGSTOP);
    _exit(17);
  });
  int status = 0;
  must(waitpid(traced, &status, 0), "waitpid");
  check(WIFSTOPPED(status), "status %#x", status);
  ready_and_wait();
  check(ptrace(PTRACE_PEEKUSER, traced, 0, 0) != -1 || errno == 0, "the tracer has lost its child");
  must(ptrace(PTRACE_CONT, traced, 0, 0), "PTRACE_CONT");
  check_exit(traced, 17);
  pass();
}
