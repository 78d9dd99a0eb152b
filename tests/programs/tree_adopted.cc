// prctl(2) PR_SET_CHILD_SUBREAPER: orphans from the sessions of living leaders, and of one that is a zombie, belong to
// sub-reapers above; each goes to the nearest that there was.
#include <signal.h>
#include <sys/prctl.h>

#include "program.h"

static int ends[2];

struct Orphan {
  pid_t pid, parent, session;
};

// An orphan of a dead mother that is in the session of the caller.
static void leave_orphan(pid_t parent) {
  const pid_t session = getsid(0);
  const pid_t mother = child([=] {
    child([=] {
      while (getppid() != parent) sleep_ms(1);
      const Orphan orphan{getpid(), parent, session};
      must(write(ends[1], &orphan, sizeof orphan), "write");
      wait_for_go();
      check_equal(getppid(), parent, "parent of the orphan");
      check_equal(getsid(0), session, "its session");
    });
  });
  check_exit(mother);
}

static Orphan told() {
  Orphan orphan;
  must(read(ends[0], &orphan, sizeof orphan), "read");
  return orphan;
}

static void reap_all() {
  for (int status; waitpid(-1, &status, 0) > 0;) check(status == 0, "status of a child: %#x", status);
}

// Leads a session; its orphan goes to whoever is above.
static void lead(pid_t heir) {
  must(setsid(), "setsid");
  leave_orphan(heir);
  wait_for_go();
}

int main() {
  must(prctl(PR_SET_CHILD_SUBREAPER, 1), "PR_SET_CHILD_SUBREAPER");
  must(pipe(ends), "pipe");
  const pid_t self = getpid();
  child([=] { lead(self); });
  told();
  child([=] {  // the orphan goes up by two
    child([=] { lead(self); });
    wait_for_go();
    reap_all();
  });
  told();
  child([=] {  // a sub-reaper in between, made after one orphan has passed it
    const pid_t between = getpid();
    child([=] {
      must(setsid(), "setsid");
      leave_orphan(self);
      while (access("between", F_OK) != 0) sleep_ms(1);
      leave_orphan(between);
      wait_for_go();
    });
    while (access("passed", F_OK) != 0) sleep_ms(1);
    must(prctl(PR_SET_CHILD_SUBREAPER, 1), "PR_SET_CHILD_SUBREAPER");
    close(must(creat("between", 0600), "creat"));
    wait_for_go();
    int flag = 0;
    must(prctl(PR_GET_CHILD_SUBREAPER, &flag), "PR_GET_CHILD_SUBREAPER");
    check_equal(flag, 1, "sub-reaper");
    reap_all();
  });
  told();
  close(must(creat("passed", 0600), "creat"));
  told();
  const pid_t zombie = child([=] {  // leads a session, and nobody has waited for it
    must(setsid(), "setsid");
    leave_orphan(self);
    _exit(7);
  });
  const Orphan last = told();
  siginfo_t info;
  must(waitid(P_PID, zombie, &info, WEXITED | WNOWAIT), "waitid");
  ready_and_wait();
  check_equal(getsid(last.pid), zombie, "session of the zombie's orphan");
  check_exit(zombie, 7);
  reap_all();
  pass();
}
