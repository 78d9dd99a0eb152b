// landlock(7): what a program has forbidden itself can't be read back.
// refused: it has restricted itself by Landlock
#include <linux/landlock.h>
#include <sys/prctl.h>

#include "program.h"

int main() {
  const landlock_ruleset_attr no_devices{LANDLOCK_ACCESS_FS_MAKE_BLOCK};
  const int rules = syscall(SYS_landlock_create_ruleset, &no_devices, sizeof no_devices, 0);
  if (rules < 0) skip("no Landlock here");
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
  must(syscall(SYS_landlock_restrict_self, rules, 0), "landlock_restrict_self");
  close(rules);
  ready_and_wait();
  pass();
}
