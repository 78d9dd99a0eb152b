// timerfd_create(2): an armed interval timer keeps its clock, its interval beyond 32 bits of seconds and its rest.
#include <sys/timerfd.h>

#include "program.h"

int main() {
  const int fd = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), "timerfd_create");
  const itimerspec set{.it_interval = {0x1'0000'0007, 999'999'999}, .it_value = {0x1'0000'0000, 5}};
  const int64_t before = now();
  must(timerfd_settime(fd, 0, &set, nullptr), "timerfd_settime");
  const int64_t begin = now();
  ready_and_wait();
  itimerspec left;
  const int64_t least = now() - begin;
  must(timerfd_gettime(fd, &left), "timerfd_gettime");
  const int64_t most = now() - before;
  check_equal(left.it_interval.tv_sec, set.it_interval.tv_sec, "interval seconds");
  check_equal(left.it_interval.tv_nsec, set.it_interval.tv_nsec, "interval nanoseconds");
  const int64_t gone = (set.it_value.tv_sec - left.it_value.tv_sec) * kSecond + 5 - left.it_value.tv_nsec;
  check_between(gone, least, most, "what has gone of the timer");
  uint64_t ticks;
  check(read(fd, &ticks, sizeof ticks) == -1 && errno == EAGAIN, "it has expired");
  pass();
}
