// deadline: 3
// timer_create(2): timers with ids, clocks, signals, values and intervals; one was deleted in between; one expires.
#include <signal.h>

#include "program.h"

static timer_t make(clockid_t clock, int signal_number, uint64_t value, int notify = SIGEV_SIGNAL) {
  sigevent event{};
  event.sigev_notify = notify;
  event.sigev_signo = signal_number;
  event.sigev_value.sival_ptr = reinterpret_cast<void*>(value);
  timer_t timer;
  must(timer_create(clock, &event, &timer), "timer_create");
  return timer;
}

int main() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 2);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  const timer_t first = make(CLOCK_MONOTONIC, SIGRTMIN + 1, 1), deleted = make(CLOCK_MONOTONIC, SIGUSR1, 2);
  const timer_t first_to_ring = make(CLOCK_BOOTTIME, SIGRTMIN + 2, 0xabcd'0000'0000'0003);
  const timer_t silent = make(CLOCK_REALTIME, 0, 4, SIGEV_NONE);
  timer_delete(deleted);
  const itimerspec long_one{{0x1'0000'0000, 7}, {0x2'0000'0000, 0}}, short_one{{}, {soon() / kSecond, 0}},
      none{{1, 0}, {5000, 0}};
  must(timer_settime(first, 0, &long_one, nullptr), "timer_settime");
  must(timer_settime(first_to_ring, 0, &short_one, nullptr), "timer_settime");
  must(timer_settime(silent, 0, &none, nullptr), "timer_settime");
  ready_and_wait();
  itimerspec left;
  must(timer_gettime(first, &left), "timer_gettime");
  check_equal(left.it_interval.tv_sec, 0x1'0000'0000, "interval seconds");
  check_equal(left.it_interval.tv_nsec, 7, "interval nanoseconds");
  check(left.it_value.tv_sec > 0x1'ffff'ff00 && left.it_value.tv_sec < 0x2'0000'0000, "rest %ld s",
        left.it_value.tv_sec);
  must(timer_gettime(silent, &left), "timer_gettime");
  check(left.it_value.tv_sec > 4000 && left.it_value.tv_sec <= 5000, "rest of the silent one %ld s",
        left.it_value.tv_sec);
  check(timer_gettime(deleted, &left) == -1 && errno == EINVAL, "the deleted timer is back");
  siginfo_t info;
  check_equal(must(sigwaitinfo(&set, &info), "sigwaitinfo"), SIGRTMIN + 2, "signal");
  check_equal(info.si_ptr, 0xabcd'0000'0000'0003, "value");
  check_equal(info.si_code, SI_TIMER, "code");
  pass();
}
