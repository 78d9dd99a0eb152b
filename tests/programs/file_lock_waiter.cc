// flock(2): a child waits for a lock that its parent holds, and gets it when the parent lets go.
#include <sys/file.h>

#include "program.h"

int main() {
  const int fd = must(open("lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600), "open");
  must(flock(fd, LOCK_EX), "flock");
  const pid_t waiter = child_in(SYS_flock, [] {
    const int own = must(open("lock", O_RDWR), "child's open");
    must(flock(own, LOCK_EX), "child's flock");
    must(write(own, "mine", 4), "child's write");
  });
  ready_and_wait();
  check_equal(read_file("lock"), "", "content while the lock is held");
  must(flock(fd, LOCK_UN), "unlock");
  check_exit(waiter);
  check_equal(read_file("lock"), "mine", "content");
  pass();
}
