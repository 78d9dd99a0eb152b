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
  const int64_t before = now();
  must(timer_settime(timer, 0, &fast, nullptr), "timer_settime");
  const int64_t begin = now();
  for (sigset_t pending{}; !sigismember(&pending, SIGRTMIN); sigpending(&pending)) sleep_ms(1);
  ready_and_wait();
  siginfo_t info;
  const int64_t least = (now() - begin) / 100'000;
  check_equal(must(sigwaitinfo(&set, &info), "sigwaitinfo"), SIGRTMIN, "signal");
  const int64_t most = (now() - before) / 100'000;
  check_equal(info.si_code, SI_TIMER, "code");
  check_equal(info.si_ptr, 0x7000'0000'0000'0001, "value");
  const int overrun = must(timer_getoverrun(timer), "timer_getoverrun");
  check(overrun > least - 100 && overrun <= most, "%d overruns, expected %ld to %ld", overrun, least, most);
  check_equal(sigwaitinfo(&set, &info), SIGRTMIN, "the next signal");
  pass();
}
