// setpriority(2): nice values differ between the threads of a process and between processes.
#include <sys/resource.h>

#include "program.h"

int main() {
  int ends[2];
  must(pipe(ends), "pipe");
  std::thread slow = thread_in(SYS_read, [&] {
    must(setpriority(PRIO_PROCESS, 0, 19), "setpriority");
    char byte;
    must(read(ends[0], &byte, 1), "read");
    check_equal(getpriority(PRIO_PROCESS, 0), 19, "nice value of the thread");
  });
  const pid_t other = child_in(SYS_openat, [] {
    must(setpriority(PRIO_PROCESS, 0, 7), "setpriority");
    wait_for_go();
    check_equal(getpriority(PRIO_PROCESS, 0), 7, "nice value of the child");
  });
  must(setpriority(PRIO_PROCESS, 0, 2), "setpriority");
  ready_and_wait();
  check_equal(getpriority(PRIO_PROCESS, 0), 2, "nice value of the main thread");
  must(write(ends[1], "x", 1), "write");
  slow.join();
  check_exit(other);
  pass();
}
