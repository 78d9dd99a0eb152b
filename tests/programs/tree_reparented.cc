// prctl(2) PR_SET_CHILD_SUBREAPER: a grandchild whose parent has died belongs to the root, which waits for it.
#include <sys/prctl.h>

#include "program.h"

int main() {
  must(prctl(PR_SET_CHILD_SUBREAPER, 1), "PR_SET_CHILD_SUBREAPER");
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t self = getpid();
  const pid_t parent = child([&] {
    child([&] {
      while (getppid() != self) sleep_ms(1);
      const pid_t own = getpid();
      must(write(ends[1], &own, sizeof own), "write");
      wait_for_go();
      check_equal(getppid(), self, "parent of the orphan");
      _exit(9);
    });
  });
  check_exit(parent);
  pid_t orphan = 0;
  must(read(ends[0], &orphan, sizeof orphan), "read");
  ready_and_wait();
  check_exit(orphan, 9);
  const pid_t later = child([] { child([] { _exit(8); }); });  // still a subreaper
  check_exit(later);
  int status = 0;
  check(waitpid(-1, &status, 0) > 0 && WEXITSTATUS(status) == 8, "the new orphan did not come to us");
  pass();
}
