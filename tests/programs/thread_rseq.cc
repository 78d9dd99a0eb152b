// rseq(2): the C library's area is registered in each thread: the kernel keeps the CPU number in it.
#include <sys/rseq.h>

#include "program.h"

static void check_area() {
  const auto* area = reinterpret_cast<struct rseq*>(static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset);
  cpu_set_t before, one;
  must(sched_getaffinity(0, sizeof before, &before), "sched_getaffinity");
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &before)) continue;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    must(sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
    check_equal(static_cast<volatile const uint32_t&>(area->cpu_id), uint32_t(cpu), "CPU number of the area");
  }
  must(sched_setaffinity(0, sizeof before, &before), "sched_setaffinity");
}

int main() {
  if (__rseq_size == 0) skip("the C library has not registered rseq");
  int ends[2];
  must(pipe(ends), "pipe");
  std::thread other = thread_in(SYS_read, [&] {
    char byte;
    must(read(ends[0], &byte, 1), "read");
    check_area();
  });
  ready_and_wait();
  check_area();
  must(write(ends[1], "x", 1), "write");
  other.join();
  const auto* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  check(syscall(SYS_rseq, area, 32, 0, 0x53053053) == -1 && errno == EBUSY, "a second registration: errno %d", errno);
  pass();
}
