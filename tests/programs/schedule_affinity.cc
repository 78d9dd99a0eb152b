// needs: cpus=2
// sched_setaffinity(2): a thread is bound to one CPU, the others are not; ioprio_set(2) for one of them.
#include "program.h"

constexpr int kIoClassBestEffort = 2 << 13;

int main() {
  cpu_set_t all;
  must(sched_getaffinity(0, sizeof all, &all), "sched_getaffinity");
  int last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(last, &all)) last--;
  int ends[2];
  must(pipe(ends), "pipe");
  std::thread bound = thread_in(SYS_read, [&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    must(sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
    must(syscall(SYS_ioprio_set, 1, 0, kIoClassBestEffort | 6), "ioprio_set");
    char byte;
    must(read(ends[0], &byte, 1), "read");
    check_equal(sched_getcpu(), last, "CPU");
    check_equal(syscall(SYS_ioprio_get, 1, 0), kIoClassBestEffort | 6, "priority of input and output");
    cpu_set_t set;
    must(sched_getaffinity(0, sizeof set, &set), "sched_getaffinity");
    check(CPU_COUNT(&set) == 1 && CPU_ISSET(last, &set), "the thread is no longer bound");
  });
  ready_and_wait();
  cpu_set_t set;
  must(sched_getaffinity(0, sizeof set, &set), "sched_getaffinity");
  check(CPU_EQUAL(&set, &all), "the main thread is bound");
  must(write(ends[1], "x", 1), "write");
  bound.join();
  pass();
}
