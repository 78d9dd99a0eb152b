// timerfd_create(2): absolute timers on CLOCK_REALTIME (cancelled when the clock is set) and CLOCK_BOOTTIME.
#include <sys/timerfd.h>

#include "program.h"

int main() {
  const int real = must(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK), "timerfd_create realtime");
  const int boot = must(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK), "timerfd_create boottime");
  const int64_t end_real = now(CLOCK_REALTIME) / 1'000'000'000 + 1000;
  const int64_t end_boot = now(CLOCK_BOOTTIME) / 1'000'000'000 + 2000;
  const itimerspec at_real{{}, {end_real, 0}}, at_boot{{}, {end_boot, 0}};
  must(timerfd_settime(real, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at_real, nullptr), "settime realtime");
  must(timerfd_settime(boot, TFD_TIMER_ABSTIME, &at_boot, nullptr), "settime boottime");
  ready_and_wait();
  itimerspec left;
  const auto check_left = [&](int fd, clockid_t clock, int64_t end, const char* what) {
    const int64_t before = now(clock);
    must(timerfd_gettime(fd, &left), "timerfd_gettime");
    const int64_t rest = left.it_value.tv_sec * kSecond + left.it_value.tv_nsec;
    check_between(rest, end * kSecond - now(clock), end * kSecond - before, what);
  };
  check_left(real, CLOCK_REALTIME, end_real, "rest of the realtime timer");
  check_left(boot, CLOCK_BOOTTIME, end_boot, "rest of the boottime timer");
  pass();
}
