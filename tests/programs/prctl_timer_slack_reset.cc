// prctl(2) PR_SET_TIMERSLACK: what a slack of 0 resets it to, which a child and a thread had from their creator.
#include <sys/prctl.h>

#include "program.h"

constexpr int kInherited = 70'001;

static long slack() { return syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0); }

static void check_reset(long expected, const char* what) {
  must(prctl(PR_SET_TIMERSLACK, 0), "PR_SET_TIMERSLACK");
  check_equal(slack(), expected, what);
}

int main() {
  must(prctl(PR_SET_TIMERSLACK, 0), "PR_SET_TIMERSLACK");
  const long own = slack();
  must(prctl(PR_SET_TIMERSLACK, kInherited), "PR_SET_TIMERSLACK");
  const pid_t first = child_in(SYS_openat, [] {
    must(prctl(PR_SET_TIMERSLACK, 0x2'0000'0003), "PR_SET_TIMERSLACK");
    const pid_t second = child_in(SYS_openat, [] {
      wait_for_go();
      check_equal(slack(), 0x2'0000'0003, "slack of the grandchild");
      check_reset(0x2'0000'0003, "reset slack of the grandchild");
    });
    wait_for_go();
    check_equal(slack(), 0x2'0000'0003, "slack of the child");
    check_reset(kInherited, "reset slack of the child");
    check_exit(second);
  });
  std::thread thread = thread_in(SYS_openat, [] {
    wait_for_go();
    check_reset(kInherited, "reset slack of the thread");
  });
  must(prctl(PR_SET_TIMERSLACK, 90'000), "PR_SET_TIMERSLACK");
  ready_and_wait();
  check_equal(slack(), 90'000, "slack");
  check_reset(own, "reset slack");
  thread.join();
  check_exit(first);
  pass();
}
