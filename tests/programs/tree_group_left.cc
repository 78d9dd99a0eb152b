// setpgid(2): a process that has founded a group and gone over to another one; the group goes on under its id.
#include <signal.h>

#include "program.h"

static pid_t waiting_child(pid_t group) {
  const pid_t pid = child([=] {
    wait_for_go();
    check_equal(getpgrp(), group ? group : getpid(), "group of a child");
  });
  must(setpgid(pid, group), "setpgid");
  return pid;
}

int main() {
  const pid_t other = waiting_child(0);
  const pid_t founder = child([=] {
    must(setpgid(0, 0), "setpgid");
    wait_for_go();
    check_equal(getpgrp(), other, "group of the founder");
  });
  while (getpgid(founder) != founder) sleep_ms(1);
  const pid_t member = waiting_child(founder);
  must(setpgid(founder, other), "setpgid");
  ready_and_wait();
  check_equal(getpgid(member), founder, "group that its founder has left");
  check_equal(kill(-founder, 0), 0, "kill of that group");
  for (pid_t pid : {other, founder, member}) check_exit(pid);
  pass();
}
