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
  must(timerfd_gettime(real, &left), "gettime realtime");
  const int64_t off_real = now(CLOCK_REALTIME) + left.it_value.tv_sec * 1'000'000'000 + left.it_value.tv_nsec;
  check(llabs(off_real - end_real * 1'000'000'000) < 50'000'000, "realtime timer is off: %ld", off_real);
  must(timerfd_gettime(boot, &left), "gettime boottime");
  const int64_t off_boot = now(CLOCK_BOOTTIME) + left.it_value.tv_sec * 1'000'000'000 + left.it_value.tv_nsec;
  check(llabs(off_boot - end_boot * 1'000'000'000) < 50'000'000, "boottime timer is off: %ld", off_boot);
  pass();
}
