// timerfd_create(2): expirations that nobody has read yet are kept: one of a single shot, many of an interval.
#include <poll.h>
#include <sys/timerfd.h>

#include "program.h"

int main() {
  const int once = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), "timerfd_create");
  const int often = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), "timerfd_create");
  const itimerspec single{{}, {0, 1}}, ten_us{{0, 10'000}, {0, 1}};
  must(timerfd_settime(once, 0, &single, nullptr), "settime once");
  const int64_t before = now();
  must(timerfd_settime(often, 0, &ten_us, nullptr), "settime often");
  const int64_t begin = now();
  pollfd waiting[] = {{once, POLLIN, 0}, {often, POLLIN, 0}};
  for (pollfd& timer : waiting) check_equal(poll(&timer, 1, 10'000), 1, "timers that expire");
  ready_and_wait();
  check_equal(poll(waiting, 2, 0), 2, "poll");
  uint64_t ticks = 0;
  must(read(once, &ticks, sizeof ticks), "read once");
  check_equal(ticks, 1u, "expirations of a single shot");
  check(read(once, &ticks, sizeof ticks) == -1 && errno == EAGAIN, "the single shot expired again");
  const int64_t least = now() - begin;
  must(read(often, &ticks, sizeof ticks), "read often");
  check_between(int64_t(ticks) * 10'000, least, now() - before, "what has expired");
  pass();
}
