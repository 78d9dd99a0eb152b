// setsid(2), setpgid(2): sessions and groups of children: a session leader, groups inside it, a group led by a sibling.
#include "program.h"

static pid_t waiting_child(pid_t group, pid_t session) {
  const pid_t pid = child([=] {
    wait_for_go();
    check_equal(getpgrp(), group ? group : getpid(), "group of a child");
    check_equal(getsid(0), session, "session of a child");
  });
  must(setpgid(pid, group), "setpgid");
  return pid;
}

int main() {
  const pid_t session = getsid(0);
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t leader = child([&] {
    must(setsid(), "setsid");
    const pid_t first = waiting_child(0, getpid()), second = waiting_child(first, getpid());
    must(write(ends[1], "x", 1), "write");
    wait_for_go();
    check_equal(getsid(0), getpid(), "session of the leader");
    check_exit(first);
    check_exit(second);
  });
  const pid_t first = waiting_child(0, session), second = waiting_child(first, session);
  char byte;
  must(read(ends[0], &byte, 1), "read");
  ready_and_wait();
  check_equal(getsid(leader), leader, "session of the leader seen by its parent");
  check_exit(leader);
  check_exit(first);
  check_exit(second);
  pass();
}
