// clock_gettime(2): no clock runs backwards, CLOCK_REALTIME tells the truth, and the C library's fast path works.
#include "program.h"

int main() {
  const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME};
  int64_t before[4], raw_before = now(CLOCK_MONOTONIC_RAW);
  for (int i = 0; i < 4; i++) before[i] = now(clocks[i]);
  ready_and_wait();
  for (int i = 0; i < 4; i++) {
    const int64_t earlier = now(clocks[i]), passed = earlier - before[i];
    check(passed > 0 && passed < 300'000'000'000, "clock %d has gone on by %ld ns", clocks[i], passed);
    timespec by_call;
    must(syscall(SYS_clock_gettime, clocks[i], &by_call), "clock_gettime");
    const int64_t told = by_call.tv_sec * kSecond + by_call.tv_nsec;
    check_between(told, earlier, now(clocks[i]), "a clock by call");
  }
  check(now(CLOCK_MONOTONIC_RAW) >= raw_before, "CLOCK_MONOTONIC_RAW has gone back");
  const int64_t earlier = now(CLOCK_REALTIME) / kSecond - 1;  // time() reads the coarse clock
  const int64_t seconds = time(nullptr);
  check(seconds >= earlier && seconds <= now(CLOCK_REALTIME) / kSecond, "time() is off: %ld", seconds);
  pass();
}
