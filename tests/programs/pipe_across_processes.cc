// pipe(7): the read end is held by a child alone, the write end by the parent alone: end of file and EPIPE are right.
#include <signal.h>
#include <sys/ioctl.h>

#include "program.h"

int main() {
  int down[2], up[2];
  must(pipe(down), "pipe");
  must(pipe(up), "pipe");
  const pid_t reader = child_in(SYS_read, [&] {
    close(down[1]);
    close(up[0]);
    char text[16] = {};
    size_t size = 0;
    for (ssize_t n; (n = must(read(down[0], text + size, sizeof text - size), "child's read")) > 0;) size += n;
    check_equal(text, "first second", "what came until end of file");
    must(write(up[1], "done", 4), "child's write");
  });
  close(down[0]);
  close(up[1]);
  must(write(down[1], "first ", 6), "write");
  for (int unread = 1; unread != 0; must(ioctl(down[1], FIONREAD, &unread), "FIONREAD")) sleep_ms(1);
  wait_until_in(reader, SYS_read);
  ready_and_wait();
  must(write(down[1], "second", 6), "write");
  close(down[1]);
  char answer[8] = {};
  must(read(up[0], answer, sizeof answer), "read");
  check_equal(answer, "done", "the answer");
  check_exit(reader);
  check_equal(read(up[0], answer, sizeof answer), 0, "read after the child's end");
  pass();
}
