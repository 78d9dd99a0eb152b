// prctl(2) PR_SET_NO_NEW_PRIVS: kept for a process and for a child that has other ids where that is possible; having
// none is no sandbox.
#include <sys/prctl.h>

#include "program.h"

constexpr uid_t kUser = 4242;

int main() {
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
  const pid_t dropped = child_in(SYS_openat, [&] {
    if (getuid() == 0 && setresgid(kUser, kUser, kUser) == 0) must(setresuid(kUser, kUser, kUser), "setresuid");
    must(prctl(PR_SET_DUMPABLE, 1), "PR_SET_DUMPABLE");
    wait_for_go();
    check_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1, "no new privileges of the child");
  });
  ready_and_wait();
  check_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1, "no new privileges");
  check_exit(dropped);
  pass();
}
