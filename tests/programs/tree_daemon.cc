// setsid(2) and fork(2) twice, as daemons do: the session's leader is dead, its group goes on, and the daemon has a
// child and a group of a pipeline in that session.
#include <signal.h>
#include <sys/prctl.h>

#include "program.h"

struct Ids {
  pid_t session, daemon, worker, pipeline, member;
};

// The second of the pipeline lives until it has been seen from outside.
static int seen[2];

// In the daemon's session: a group of two, whose first member has ended.
static void start_pipeline(Ids& ids) {
  ids.pipeline = child([] {
    must(setpgid(0, 0), "setpgid");
    pause();
  });
  while (getpgid(ids.pipeline) != ids.pipeline) sleep_ms(1);
  ids.member = child([&ids] {
    must(setpgid(0, ids.pipeline), "setpgid");
    wait_for_go();
    check_equal(getpgrp(), ids.pipeline, "group of the pipeline's second");
    check_equal(getsid(0), ids.session, "session of the pipeline's second");
    char byte;
    must(read(seen[0], &byte, 1), "read");
  });
  while (getpgid(ids.member) != ids.pipeline) sleep_ms(1);
  must(kill(ids.pipeline, SIGKILL), "kill");
  must(waitpid(ids.pipeline, nullptr, 0), "waitpid");
}

static void be_daemon(Ids ids, int end) {
  while (getppid() == ids.session) sleep_ms(1);
  ids.daemon = getpid();
  ids.worker = child([=] {
    wait_for_go();
    check_equal(getpgrp(), ids.session, "group of the worker");
    check_equal(getsid(0), ids.session, "session of the worker");
  });
  start_pipeline(ids);
  must(write(end, &ids, sizeof ids), "write");
  wait_for_go();
  check_equal(getpgrp(), ids.session, "group of the daemon");
  check_equal(getsid(0), ids.session, "session of the daemon");
  check(setsid() > 0, "the daemon leads no group and may start a session");
  check_exit(ids.worker);
  check_exit(ids.member);
}

int main() {
  must(prctl(PR_SET_CHILD_SUBREAPER, 1), "PR_SET_CHILD_SUBREAPER");
  int ends[2];
  must(pipe(ends), "pipe");
  must(pipe(seen), "pipe");
  const pid_t leader = child([&] {
    Ids ids{};
    ids.session = must(setsid(), "setsid");
    child([&] { be_daemon(ids, ends[1]); });
  });
  check_exit(leader);
  Ids ids;
  must(read(ends[0], &ids, sizeof ids), "read");
  check_equal(ids.session, leader, "the session");
  ready_and_wait();
  check_equal(getsid(ids.member), leader, "session seen from outside");
  check_equal(kill(-ids.pipeline, 0), 0, "kill of the pipeline");
  must(write(seen[1], "", 1), "write");
  for (pid_t dead : {leader, ids.pipeline}) check(kill(dead, 0) == -1 && errno == ESRCH, "%d is back", dead);
  check_exit(ids.daemon);
  check(waitpid(-1, nullptr, 0) == -1 && errno == ECHILD, "a child too many");
  pass();
}
