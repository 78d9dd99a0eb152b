// deadline: 3
// timerfd_create(2): a thread waits in read for a timer and is woken when its time has come, not sooner.
#include <sys/timerfd.h>

#include "program.h"

int main() {
  const int fd = must(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd_create");
  const itimerspec set{{}, {soon() / kSecond, 0}};
  const int64_t begin = now();
  must(timerfd_settime(fd, 0, &set, nullptr), "timerfd_settime");
  uint64_t ticks = 0;
  int64_t woken = 0;
  std::thread reader = thread_in(SYS_read, [&] {
    must(read(fd, &ticks, sizeof ticks), "blocked read");
    woken = now();
  });
  ready_and_wait();
  reader.join();
  check_equal(ticks, 1u, "expirations");
  check(woken - begin >= soon(), "woken after %ld ns", woken - begin);
  pass();
}
