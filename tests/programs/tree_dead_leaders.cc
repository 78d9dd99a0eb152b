// setpgid(2), setsid(2): a group and a session whose leaders are dead and gone go on under their ids.
#include <signal.h>
#include <sys/prctl.h>

#include "program.h"

int main() {
  must(prctl(PR_SET_CHILD_SUBREAPER, 1), "PR_SET_CHILD_SUBREAPER");
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t leader = child([&] {
    must(setsid(), "setsid");
    child([&] {
      must(setpgid(0, 0), "setpgid");
      child([&] {
        const pid_t ids[3] = {getpid(), getpgrp(), getsid(0)};
        must(write(ends[1], ids, sizeof ids), "write");
        wait_for_go();
        check_equal(getpgrp(), ids[1], "group");
        check_equal(getsid(0), ids[2], "session");
        check_equal(kill(-ids[1], 0), 0, "kill of the group");
      });
    });
  });
  pid_t ids[3];
  must(read(ends[0], ids, sizeof ids), "read");
  check_equal(ids[2], leader, "the session at first");
  check_exit(leader);
  check_exit(ids[1]);  // reparented to us, as its parent died
  ready_and_wait();
  check_equal(getpgid(ids[0]), ids[1], "group of the orphan");
  check_equal(getsid(ids[0]), leader, "session of the orphan");
  check(kill(ids[1], 0) == -1 && errno == ESRCH, "the dead leader is back");
  check_exit(ids[0]);
  pass();
}
