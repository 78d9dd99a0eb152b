// refused: io_uring
// io_uring(7).
#include <linux/io_uring.h>

#include "program.h"

int main() {
  io_uring_params parameters{};
  const long fd = syscall(SYS_io_uring_setup, 8, &parameters);
  if (fd < 0) skip("io_uring is not allowed");
  ready_and_wait();
  check(fcntl(int(fd), F_GETFD) != -1, "the ring is gone");
  pass();
}
