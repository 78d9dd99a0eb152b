// open(2) O_APPEND, O_NOATIME, O_SYNC, O_NONBLOCK: status flags; writes go to the end wherever the position is.
#include "program.h"

int main() {
  const int fd = must(open("log", O_RDWR | O_CREAT | O_APPEND | O_NOATIME | O_SYNC, 0644), "open");
  must(write(fd, "first\n", 6), "write");
  must(lseek(fd, 2, SEEK_SET), "lseek");
  const int flags = fcntl(fd, F_GETFL);
  ready_and_wait();
  check_equal(fcntl(fd, F_GETFL), flags, "flags");
  check_equal(lseek(fd, 0, SEEK_CUR), 2, "position");
  must(write(fd, "second\n", 7), "write");
  check_equal(read_file("log"), "first\nsecond\n", "content");
  pass();
}
