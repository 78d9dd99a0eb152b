// eventfd(2) as semaphore with a count above 32 bits: the count and the mode come back, not just the low half.
#include <sys/eventfd.h>

#include "program.h"

int main() {
  const uint64_t count = 0x1'0000'0006;
  const int fd = must(eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK), "eventfd");
  must(write(fd, &count, sizeof count), "write");
  ready_and_wait();
  uint64_t value = 0;
  must(read(fd, &value, sizeof value), "read");
  check_equal(value, 1u, "what a semaphore gives");
  // The counter's top is 2^64-2: exactly as much as is missing fits in.
  const uint64_t room = 0xffff'ffff'ffff'fffe - (count - 1);
  must(write(fd, &room, sizeof room), "write of what is missing");
  const uint64_t one = 1;
  check(write(fd, &one, sizeof one) == -1 && errno == EAGAIN, "the counter was lower than %#lx", count - 1);
  pass();
}
