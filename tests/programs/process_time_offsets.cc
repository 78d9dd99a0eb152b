// time_namespaces(7): clocks that are far from the host's go on, by the kernel and by the C library's fast path.
// needs: root
#include <fcntl.h>
#include <sched.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "program.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80  // Linux 5.6
#endif

// A restored tree has clocks of its own. Here they are a million seconds ahead before the first checkpoint.
void move_clocks() {
  if (unshare(CLONE_NEWTIME) != 0) skip("no time namespaces");
  const char offsets[] = "monotonic 1000000 7\nboottime 2000000 0\n";
  const int file = must(open("/proc/self/timens_offsets", O_WRONLY), "open timens_offsets");
  must(write(file, offsets, sizeof offsets - 1), "write timens_offsets");
  const int space = must(open("/proc/self/ns/time_for_children", O_RDONLY), "open time_for_children");
  must(setns(space, CLONE_NEWTIME), "setns");
  close(file);
  close(space);
}

int main() {
  const int64_t before_move = now();
  move_clocks();
  const int timer = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), "timerfd_create");
  const int64_t begin = now(), end = begin + 500 * kSecond;
  check(begin - before_move >= 1'000'000'000'000'007, "the clock was not moved");
  const itimerspec at{{}, {end / 1'000'000'000, end % 1'000'000'000}};
  must(timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, nullptr), "timerfd_settime");
  ready_and_wait();
  timespec by_call;
  const int64_t before = now();
  must(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &by_call), "clock_gettime");
  const int64_t told = by_call.tv_sec * kSecond + by_call.tv_nsec, passed = told - begin;
  check(told >= before && told <= now(), "CLOCK_MONOTONIC by call is %ld, by the fast path %ld", told, before);
  check(passed > 0 && passed < 300'000'000'000, "CLOCK_MONOTONIC has gone on by %ld ns", passed);
  check(now(CLOCK_BOOTTIME) - now() > 900'000'000'000'000, "CLOCK_BOOTTIME is not ahead any more");
  itimerspec left;
  const int64_t earlier = now();
  must(timerfd_gettime(timer, &left), "timerfd_gettime");
  const int64_t rest = left.it_value.tv_sec * kSecond + left.it_value.tv_nsec;
  check_between(rest, end - now(), end - earlier, "rest of the timer");
  pass();
}
