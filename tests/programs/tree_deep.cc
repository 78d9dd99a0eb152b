// fork(2): three generations keep ids and kinship; each is waited for by its own parent, and SIGCHLD comes with the
// pid.
#include <signal.h>

#include "program.h"

static void generation(int left, pid_t parent) {
  check_equal(getppid(), parent, "parent before");
  const pid_t self = getpid();
  const pid_t next = left ? child([=] { generation(left - 1, self); }) : 0;
  if (left == 0) ready();
  wait_for_go();
  check_equal(getpid(), self, "own id");
  check_equal(getppid(), parent, "parent");
  if (next) {
    siginfo_t info{};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    check_equal(must(sigwaitinfo(&set, &info), "sigwaitinfo"), SIGCHLD, "signal");
    check_equal(info.si_pid, next, "its sender");
    check_exit(next, left);
    _exit(left + 1);
  }
  _exit(1);
}

int main() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  const pid_t self = getpid();
  const pid_t top = child([=] { generation(2, self); });
  wait_for_go();
  check_exit(top, 3);
  pass();
}
