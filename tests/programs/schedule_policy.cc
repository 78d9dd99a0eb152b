// needs: root
// sched_setattr(2): policies batch, idle, round-robin and first-in-first-out with priorities, reset-on-fork.
#include "program.h"

int main() {
  const struct {
    int policy, priority;
  } wanted[] = {{SCHED_BATCH, 0}, {SCHED_IDLE, 0}, {SCHED_RR | SCHED_RESET_ON_FORK, 13}, {SCHED_FIFO, 42}};
  pid_t children[4];
  for (int i = 0; i < 4; i++) {
    children[i] = child([&, i] {
      const sched_param parameter{wanted[i].priority};
      if (sched_setscheduler(0, wanted[i].policy, &parameter) != 0) _exit(errno == EPERM ? 77 : 1);
      wait_for_go();
      check_equal(sched_getscheduler(0), wanted[i].policy, "policy");
      sched_param now{};
      must(sched_getparam(0, &now), "sched_getparam");
      check_equal(now.sched_priority, wanted[i].priority, "priority");
      timespec interval{};
      must(sched_rr_get_interval(0, &interval), "sched_rr_get_interval");
    });
  }
  for (int i = 0; i < 4; i++) {
    int status = 0;
    while (waitpid(children[i], &status, WNOHANG) == 0 && sched_getscheduler(children[i]) != wanted[i].policy)
      sleep_ms(1);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) skip("real-time policies are not allowed");
    wait_until_in(children[i], SYS_openat);
  }
  ready_and_wait();
  for (const pid_t pid : children) check_exit(pid);
  pass();
}
