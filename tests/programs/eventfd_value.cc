// eventfd(2): a plain counter at its top value, read whole; O_NONBLOCK and close-on-exec stay.
#include <sys/eventfd.h>

#include "program.h"

int main() {
  const uint64_t count = 0xffff'ffff'ffff'fffe;
  const int fd = must(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd");
  must(write(fd, &count, sizeof count), "write");
  ready_and_wait();
  uint64_t value = 0;
  must(read(fd, &value, sizeof value), "read");
  check_equal(value, count, "counter");
  check(read(fd, &value, sizeof value) == -1 && errno == EAGAIN, "a second read gave %#lx", value);
  check_equal(fcntl(fd, F_GETFD), FD_CLOEXEC, "descriptor flags");
  pass();
}
