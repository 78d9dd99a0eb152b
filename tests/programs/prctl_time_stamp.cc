// prctl(2) PR_SET_TSC: reading the time stamp counter is forbidden to a child, and not to its parent.
#include <signal.h>
#include <sys/prctl.h>
#include <x86intrin.h>

#include "program.h"

int main() {
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t forbidden = child_in(SYS_read, [&] {
    must(prctl(PR_SET_TSC, PR_TSC_SIGSEGV), "PR_SET_TSC");
    char byte;
    must(read(ends[0], &byte, 1), "read");
    signal(SIGSEGV, [](int) { _exit(33); });
    __rdtsc();
  });
  ready_and_wait();
  check(__rdtsc() != 0, "no time stamp");
  must(write(ends[1], "x", 1), "write");
  check_exit(forbidden, 33);
  pass();
}
