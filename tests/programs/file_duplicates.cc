// dup(2): duplicates at high and low numbers share position and flags, but not close-on-exec.
#include "program.h"

int main() {
  const int fd = must(open("text", O_RDWR | O_CREAT, 0600), "open");
  must(write(fd, "0123456789", 10), "write");
  must(dup3(fd, 900, O_CLOEXEC), "dup3");
  must(dup2(fd, 13), "dup2");
  ready_and_wait();
  check_equal(fcntl(900, F_GETFD), FD_CLOEXEC, "descriptor flags of 900");
  check_equal(fcntl(13, F_GETFD), 0, "descriptor flags of 13");
  must(lseek(13, 5, SEEK_SET), "lseek");
  check_equal(lseek(900, 0, SEEK_CUR), 5, "position seen through 900");
  must(fcntl(fd, F_SETFL, O_APPEND), "F_SETFL");
  check(fcntl(900, F_GETFL) & O_APPEND, "flags are no longer shared");
  check(fcntl(14, F_GETFD) == -1 && errno == EBADF, "a descriptor too many");
  pass();
}
