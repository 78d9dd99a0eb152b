// deadline: 3
// setitimer(2) ITIMER_REAL: interval and rest; and the alarm of a child rings.
#include <signal.h>
#include <sys/time.h>

#include "program.h"

int main() {
  const itimerval set{{0x1'0000'0001, 999'999}, {0x1'0000'0000, 0}};
  const int64_t before = now();
  must(setitimer(ITIMER_REAL, &set, nullptr), "setitimer");
  const int64_t begin = now();
  const pid_t ringing = child_in(SYS_pause, [] {
    const itimerval at{{}, {soon() / kSecond, 0}};
    signal(SIGALRM, [](int) { _exit(4); });
    must(setitimer(ITIMER_REAL, &at, nullptr), "setitimer");
    pause();
  });
  ready_and_wait();
  itimerval left;
  const int64_t least = now() - begin;
  must(getitimer(ITIMER_REAL, &left), "getitimer");
  const int64_t most = now() - before;
  check_equal(left.it_interval.tv_sec, set.it_interval.tv_sec, "interval seconds");
  check_equal(left.it_interval.tv_usec, set.it_interval.tv_usec, "interval microseconds");
  const int64_t gone = (set.it_value.tv_sec - left.it_value.tv_sec) * 1'000'000 - left.it_value.tv_usec;
  check_between(gone * 1000, least, most, "what has gone of the timer");
  check_exit(ringing, 4);
  pass();
}
