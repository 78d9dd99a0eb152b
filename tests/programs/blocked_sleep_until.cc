// clock_nanosleep(2), absolute: a sleeper wakes at its time on CLOCK_MONOTONIC; a long relative sleep counts its rest.
// deadline: 3
// modes: not again (its deadlines pass between the two restores)
#include "program.h"

int main() {
  int64_t woken = 0, slept = 0;
  const int64_t begin = now(), end = begin + soon();
  std::thread absolute = thread_in(SYS_clock_nanosleep, [&] {
    const timespec time{end / 1'000'000'000, end % 1'000'000'000};
    check_equal(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr), 0, "clock_nanosleep absolute");
    woken = now();
  });
  std::thread relative = thread_in(SYS_clock_nanosleep, [&] {
    const timespec time{soon() / kSecond, 0};
    check_equal(clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr), 0, "clock_nanosleep relative");
    slept = now() - begin;
  });
  ready_and_wait();
  absolute.join();
  relative.join();
  check(woken >= end, "woken %ld ns early", end - woken);
  check(slept >= soon(), "slept %ld ns only", slept);
  pass();
}
