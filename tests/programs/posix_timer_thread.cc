// deadline: 3
// timer_create(2) SIGEV_THREAD_ID: the timer's signal goes to the thread that was named; SIGEV_THREAD of the C library.
#include <signal.h>

#include "program.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static std::atomic<int> called = 0;

int main() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 7);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  std::atomic<pid_t> tid = 0;
  std::thread named = thread_in(SYS_rt_sigtimedwait, [&] {
    tid = gettid();
    siginfo_t info;
    check_equal(must(sigwaitinfo(&set, &info), "sigwaitinfo"), SIGRTMIN + 7, "signal");
  });
  sigevent event{}, by_thread{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGRTMIN + 7;
  event.sigev_notify_thread_id = tid;
  by_thread.sigev_notify = SIGEV_THREAD;
  by_thread.sigev_notify_function = [](sigval value) { called = value.sival_int; };
  by_thread.sigev_value.sival_int = 99;
  timer_t timer, thread_timer;
  const itimerspec at{{}, {soon() / kSecond, 0}};
  must(timer_create(CLOCK_MONOTONIC, &event, &timer), "timer_create");
  must(timer_create(CLOCK_MONOTONIC, &by_thread, &thread_timer), "timer_create");
  must(timer_settime(timer, 0, &at, nullptr), "timer_settime");
  must(timer_settime(thread_timer, 0, &at, nullptr), "timer_settime");
  ready_and_wait();
  named.join();
  for (int i = 0; i < 2000 && called == 0; i++) sleep_ms(10);
  check_equal(called.load(), 99, "value that the function got");
  pass();
}
