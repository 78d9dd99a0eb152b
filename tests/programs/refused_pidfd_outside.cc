// refused: pidfd|process
// pidfd_open(2) of a process outside the tree.
#include "program.h"

int main() {
  const int fd = must(int(syscall(SYS_pidfd_open, getppid(), 0)), "pidfd_open");
  ready_and_wait();
  check(fcntl(fd, F_GETFD) != -1, "the descriptor is gone");
  pass();
}
