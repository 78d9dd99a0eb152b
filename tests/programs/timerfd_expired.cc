// timerfd_create(2): expirations that nobody has read yet are kept: one of a single shot, many of an interval.
#include <poll.h>
#include <sys/timerfd.h>

#include "program.h"

int main() {
  const int once = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), "timerfd_create");
  const int often = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), "timerfd_create");
  const itimerspec single{{}, {0, 1}}, ten_us{{0, 10'000}, {0, 1}};
  must(timerfd_settime(once, 0, &single, nullptr), "settime once");
  must(timerfd_settime(often, 0, &ten_us, nullptr), "settime often");
  const int64_t begin = now();
  sleep_ms(50);
  ready_and_wait();
  pollfd waiting{once, POLLIN, 0};
  check_equal(poll(&waiting, 1, 0), 1, "poll");
  uint64_t ticks = 0;
  must(read(once, &ticks, sizeof ticks), "read once");
  check_equal(ticks, 1u, "expirations of a single shot");
  check(read(once, &ticks, sizeof ticks) == -1 && errno == EAGAIN, "the single shot expired again");
  must(read(often, &ticks, sizeof ticks), "read often");
  const int64_t wanted = (now() - begin) / 10'000;
  check(llabs(int64_t(ticks) - wanted) < 2000, "%lu expirations of 10 us, %ld should have been", ticks, wanted);
  pass();
}
