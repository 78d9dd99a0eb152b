// setsid(2): the root is a daemon itself: the leader of its session is dead, and all of that session is in the tree. It
// has a child in a group whose leader is dead too.
// root: daemon
#include <signal.h>

#include "program.h"

int main() {
  const pid_t session = getsid(0);
  check(getpid() != session, "it leads its session");
  while (kill(session, 0) == 0) sleep_ms(1);
  check_equal(getpgrp(), session, "group before");
  const pid_t leader = child([] {
    must(setpgid(0, 0), "setpgid");
    pause();
  });
  while (getpgid(leader) != leader) sleep_ms(1);
  const pid_t member = child([=] {
    must(setpgid(0, leader), "setpgid");
    wait_for_go();
    check_equal(getpgrp(), leader, "group of the child");
    check_equal(getsid(0), session, "session of the child");
  });
  while (getpgid(member) != leader) sleep_ms(1);
  must(kill(leader, SIGKILL), "kill");
  must(waitpid(leader, nullptr, 0), "waitpid");
  ready_and_wait();
  check_equal(getsid(0), session, "session");
  check_equal(getpgrp(), session, "group");
  for (pid_t dead : {session, leader}) check(kill(dead, 0) == -1 && errno == ESRCH, "%d is back", dead);
  check_exit(member);
  pass();
}
