// flock(2), fcntl(2): locks of all three sorts are still held against a child of the same tree.
#include <sys/file.h>

#include "program.h"

static bool is_locked(int fd, int command) {
  struct flock lock {
    .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x1'0000'0000, .l_len = 10, .l_pid = 0
  };
  must(fcntl(fd, command, &lock), "get lock");
  return lock.l_type != F_UNLCK;
}

int main() {
  const int whole = must(open("whole", O_RDWR | O_CREAT, 0600), "open");
  const int record = must(open("record", O_RDWR | O_CREAT, 0600), "open");
  const int description = must(open("description", O_RDWR | O_CREAT, 0600), "open");
  struct flock range {
    .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x1'0000'0005, .l_len = 0x1'0000'0000, .l_pid = 0
  };
  must(flock(whole, LOCK_EX), "flock");
  must(fcntl(record, F_SETLK, &range), "F_SETLK");
  must(fcntl(description, F_OFD_SETLK, &range), "F_OFD_SETLK");
  ready_and_wait();
  check_exit(child([] {
    const int fd = must(open("whole", O_RDWR), "open");
    check(flock(fd, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK, "the whole file is not locked");
    check(is_locked(must(open("record", O_RDWR), "open"), F_GETLK), "the record is not locked");
    check(is_locked(must(open("description", O_RDWR), "open"), F_OFD_GETLK), "there is no lock of the description");
  }));
  pass();
}
