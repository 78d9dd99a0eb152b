// refused: has its system calls dispatched to itself
// prctl(2) PR_SET_SYSCALL_USER_DISPATCH: no call can be made in such a task.
#include <sys/prctl.h>

#include "program.h"

constexpr int kSetDispatch = 59, kOn = 1;  // PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON of linux/prctl.h, 5.11

int main() {
  static char allow = 0;
  must(prctl(kSetDispatch, kOn, 0, 0, &allow), "PR_SET_SYSCALL_USER_DISPATCH");
  ready_and_wait();
  pass();
}
