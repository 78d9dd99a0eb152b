// pipe(7): pipes with one end gone: data and then end of file on one, EPIPE on the other.
#include <signal.h>

#include "program.h"

int main() {
  int no_writer[2], no_reader[2];
  must(pipe(no_writer), "pipe");
  must(pipe(no_reader), "pipe");
  must(write(no_writer[1], "rest", 4), "write");
  close(no_writer[1]);
  close(no_reader[0]);
  signal(SIGPIPE, SIG_IGN);
  ready_and_wait();
  char buffer[16] = {};
  check_equal(must(read(no_writer[0], buffer, sizeof buffer), "read"), 4, "bytes");
  check_equal(buffer, "rest", "content");
  check_equal(read(no_writer[0], buffer, sizeof buffer), 0, "read at the end");
  check(write(no_reader[1], "x", 1) == -1 && errno == EPIPE, "write without reader gave errno %d", errno);
  pass();
}
