// refused: perf
// perf_event_open(2).
#include <linux/perf_event.h>

#include "program.h"

int main() {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_PAGE_FAULTS;
  attributes.exclude_kernel = 1;
  const int fd = syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
  if (fd < 0) skip("perf_event_open is not allowed");
  ready_and_wait();
  uint64_t count = 0;
  must(read(fd, &count, sizeof count), "read");
  pass();
}
