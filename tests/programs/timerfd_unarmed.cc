// timerfd_create(2): a timer that was never armed stays so, and can be armed.
#include <sys/timerfd.h>

#include "program.h"

int main() {
  const int fd = must(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC), "timerfd_create");
  ready_and_wait();
  itimerspec left;
  must(timerfd_gettime(fd, &left), "timerfd_gettime");
  check_equal(left.it_value.tv_sec + left.it_value.tv_nsec + left.it_interval.tv_sec, 0, "an unarmed timer's value");
  const itimerspec soon{{}, {0, 1'000'000}};
  must(timerfd_settime(fd, 0, &soon, nullptr), "timerfd_settime");
  uint64_t ticks = 0;
  must(read(fd, &ticks, sizeof ticks), "read");
  check_equal(ticks, 1u, "expirations");
  pass();
}
