// Syscall user dispatch: while a task runs the code that it emulates, where its calls would be dispatched, a checkpoint
// waits.
// varies: */syscall (it computes, then waits)
#include <signal.h>
#include <sys/prctl.h>

#include "program.h"

constexpr int kSetDispatch = 59, kOn = 1;  // PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON of linux/prctl.h, 5.11
static volatile char selector;
static std::atomic<int> dispatched;

static void note(int) {
  selector = 0;
  ++dispatched;
}

int main() {
  must(signal(SIGSYS, note), "signal");
  std::atomic<bool> computing{false}, computed{false};
  std::thread timer([&] {
    while (!computing) sleep_ms(1);
    ready();
    sleep_ms(600);
    computed = true;
    wait_for_go();
  });
  must(prctl(kSetDispatch, kOn, 0, 0, &selector), "PR_SET_SYSCALL_USER_DISPATCH");
  selector = 1;
  computing = true;
  while (!computed) continue;
  selector = 0;
  timer.join();
  check_equal(dispatched.load(), 0, "dispatched calls");
  selector = 1;
  syscall(SYS_getpid);
  check_equal(dispatched.load(), 1, "dispatched calls");
  pass();
}
