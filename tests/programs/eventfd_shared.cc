// eventfd(2): one description under two numbers and in two processes; what one writes the other reads.
#include <sys/eventfd.h>

#include "program.h"

int main() {
  const int fd = must(eventfd(0, 0), "eventfd");
  const int duplicate = must(fcntl(fd, F_DUPFD, 700), "dup to 700");
  const pid_t reader = child_in(SYS_read, [&] {
    uint64_t value = 0;
    must(read(duplicate, &value, sizeof value), "child's read");
    check_equal(value, 0x1'0000'0000, "what the child read");
  });
  ready_and_wait();
  const uint64_t written = 0x1'0000'0000;
  must(write(fd, &written, sizeof written), "write");
  check_exit(reader);
  pass();
}
