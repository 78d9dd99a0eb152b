// timeout: 200
// setitimer(2) ITIMER_VIRTUAL and ITIMER_PROF: interval and rest of timers that count processor time; one expires.
#include <signal.h>
#include <sys/time.h>

#include "program.h"

static volatile int expired;

int main() {
  const itimerval virtual_time{{70'000, 4000}, {0x1'0000'0000, 0}}, profile{{0, 0}, {0, 100'000}};
  signal(SIGPROF, [](int) { expired = 1; });
  must(setitimer(ITIMER_VIRTUAL, &virtual_time, nullptr), "setitimer");
  must(setitimer(ITIMER_PROF, &profile, nullptr), "setitimer");
  ready_and_wait();
  itimerval left;
  must(getitimer(ITIMER_VIRTUAL, &left), "getitimer");
  check_equal(left.it_interval.tv_sec, 70'000, "interval seconds");
  check_equal(left.it_interval.tv_usec, 4000, "interval microseconds");
  check(left.it_value.tv_sec >= 0xffff'fff0, "rest %ld s", long(left.it_value.tv_sec));
  must(getitimer(ITIMER_PROF, &left), "getitimer");
  check(expired || (left.it_value.tv_sec == 0 && left.it_value.tv_usec > 0), "the profiling timer is not armed");
  const int64_t begin = now(CLOCK_PROCESS_CPUTIME_ID);
  while (!expired && now(CLOCK_PROCESS_CPUTIME_ID) - begin < kSecond) {
  }
  check(expired, "the profiling timer never expired");
  pass();
}
