// refused: timer .*pending
// timer_getoverrun(2): a fast timer whose signal is blocked and pending counts the expirations that nobody saw.
#include <signal.h>

#include "program.h"

int main() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGRTMIN;
  event.sigev_value.sival_ptr = reinterpret_cast<void*>(0x7000'0000'0000'0001);
  timer_t timer;
  must(timer_create(CLOCK_MONOTONIC, &event, &timer), "timer_create");
  const itimerspec fast{{0, 100'000}, {0, 100'000}};
  const int64_t begin = now();
  must(timer_settime(timer, 0, &fast, nullptr), "timer_settime");
  sleep_ms(30);
  ready_and_wait();
  siginfo_t info;
  check_equal(must(sigwaitinfo(&set, &info), "sigwaitinfo"), SIGRTMIN, "signal");
  const int64_t expired = (now() - begin) / 100'000;
  check_equal(info.si_code, SI_TIMER, "code");
  check_equal(info.si_ptr, 0x7000'0000'0000'0001, "value");
  const int overrun = must(timer_getoverrun(timer), "timer_getoverrun");
  check(llabs(overrun - expired) < expired / 10 + 500, "%d overruns, expected about %ld", overrun, expired);
  check_equal(sigwaitinfo(&set, &info), SIGRTMIN, "the next signal");
  pass();
}
