// clock_nanosleep(2), absolute: a sleeper wakes at its time on CLOCK_MONOTONIC; a long relative sleep counts its rest.
// modes: not again (its deadlines pass between the two restores)
#include "program.h"

int main() {
  int64_t woken = 0, slept = 0;
  const int64_t begin = now(), end = begin + 3'000'000'000;
  std::thread absolute([&] {
    const timespec time{end / 1'000'000'000, end % 1'000'000'000};
    check_equal(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr), 0, "clock_nanosleep absolute");
    woken = now();
  });
  std::thread relative([&] {
    const timespec time{3, 0};
    check_equal(clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr), 0, "clock_nanosleep relative");
    slept = now() - begin;
  });
  sleep_ms(20);
  ready_and_wait();
  absolute.join();
  relative.join();
  check(woken >= end, "woken %ld ns early", end - woken);
  check(slept >= 3'000'000'000, "slept %ld ns only", slept);
  pass();
}
