// landlock(7): a process with ids of its own and without capabilities, which may not look at cairn anyway.
// refused: process \d+ \(refused_landlo.*it has restricted itself by Landlock
// needs: root
#include <linux/landlock.h>
#include <sys/prctl.h>

#include "program.h"

constexpr uid_t kUser = 4242;

int main() {
  const landlock_ruleset_attr no_devices{LANDLOCK_ACCESS_FS_MAKE_BLOCK};
  const int rules = syscall(SYS_landlock_create_ruleset, &no_devices, sizeof no_devices, 0);
  if (rules < 0) skip("no Landlock here");
  int hold[2], done[2];
  must(pipe2(hold, O_CLOEXEC), "pipe2");
  must(pipe2(done, O_CLOEXEC), "pipe2");
  const pid_t restricted = child([&] {
    close(hold[1]);
    must(setresgid(kUser, kUser, kUser), "setresgid");
    must(setresuid(kUser, kUser, kUser), "setresuid");
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
    must(syscall(SYS_landlock_restrict_self, rules, 0), "landlock_restrict_self");
    must(write(done[1], "x", 1), "write");
    char byte;
    check_equal(must(read(hold[0], &byte, 1), "read"), 0, "end of the pipe");
  });
  close(rules);
  char byte;
  must(read(done[0], &byte, 1), "read");
  ready_and_wait();
  close(hold[1]);
  check_exit(restricted);
  pass();
}
