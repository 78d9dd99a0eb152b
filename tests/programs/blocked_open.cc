// open(2) of a fifo waits for the other side; F_SETLKW waits for a record lock: both are completed later.
#include <sys/stat.h>

#include "program.h"

int main() {
  must(mkfifo("queue", 0600), "mkfifo");
  const int file = must(open("record", O_RDWR | O_CREAT, 0600), "open");
  struct flock lock {
    .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x1'0000'0000, .l_len = 8, .l_pid = 0
  };
  must(fcntl(file, F_SETLK, &lock), "F_SETLK");
  const pid_t opener = child_in(SYS_openat, [] {
    const int reader = must(open("queue", O_RDONLY), "child's open");
    char text[8] = {};
    must(read(reader, text, sizeof text), "child's read");
    check_equal(text, "opened", "what the child read");
  });
  const pid_t locker = child_in(SYS_fcntl, [] {
    const int own = must(open("record", O_RDWR), "child's open");
    struct flock wanted {
      .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0, .l_pid = 0
    };
    must(fcntl(own, F_SETLKW, &wanted), "child's F_SETLKW");
  });
  ready_and_wait();
  check_equal(waitpid(-1, nullptr, WNOHANG), 0, "children that have gone on");
  const int writer = must(open("queue", O_WRONLY), "open");
  must(write(writer, "opened", 6), "write");
  check_exit(opener);
  lock.l_type = F_UNLCK;
  must(fcntl(file, F_SETLK, &lock), "unlock");
  check_exit(locker);
  pass();
}
