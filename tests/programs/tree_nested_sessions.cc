// setsid(2): sessions whose dead leaders were born in each other's, down to three, with an orphan of each, and a
// process that has left a dead leader's session and has a child in it.
#include <sys/prctl.h>

#include "program.h"

static int ends[2];

static void be_orphan(pid_t session, pid_t reaper) {
  while (getppid() != reaper) sleep_ms(1);
  must(write(ends[1], "x", 1), "write");
  wait_for_go();
  check_equal(getsid(0), session, "session of an orphan");
  check_equal(getpgrp(), session, "its group");
}

// Leads a session, leaves an orphan in it and another leader below; ends.
static void nest(int depth, pid_t reaper) {
  const pid_t session = must(setsid(), "setsid");
  child([=] { be_orphan(session, reaper); });
  if (depth > 1) child([=] { nest(depth - 1, reaper); });
  if (depth > 1) return;
  child([=] {  // born here, leads another session by now
    child([=] {
      must(write(ends[1], "x", 1), "write");
      wait_for_go();
      check_equal(getsid(0), session, "session that the parent has left");
    });
    while (getppid() != reaper) sleep_ms(1);
    must(setsid(), "setsid");
    must(write(ends[1], "x", 1), "write");
    wait_for_go();
    check_equal(getsid(0), getpid(), "session of the one that left");
    must(waitpid(-1, nullptr, 0), "waitpid");
  });
}

int main() {
  must(prctl(PR_SET_CHILD_SUBREAPER, 1), "PR_SET_CHILD_SUBREAPER");
  must(pipe(ends), "pipe");
  const pid_t self = getpid();
  constexpr int kDepth = 3, kLiving = kDepth + 2;
  child([=] { nest(kDepth, self); });
  char byte;
  for (int i = 0; i < kLiving; i++) must(read(ends[0], &byte, 1), "read");
  for (int i = 0; i < kDepth; i++) check(waitpid(-1, nullptr, 0) > 0, "a leader is missing");
  ready_and_wait();
  int status = 0, ended = 0;
  while (waitpid(-1, &status, 0) > 0 && ++ended) check(status == 0, "status of an orphan: %#x", status);
  check_equal(ended, kDepth + 1, "orphans");
  pass();
}
