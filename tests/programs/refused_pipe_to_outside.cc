// refused: pipe
// pipe(7): the other end is held by a process that doesn't belong to the tree: an orphan that went to another parent.
#include "program.h"

int main() {
  int ends[2], back[2];
  must(pipe(ends), "pipe");
  must(pipe(back), "pipe");
  const pid_t self = getpid();
  const pid_t parent = child([&] {
    child([&] {
      while (getppid() == self || getpgid(getppid()) == self) sleep_ms(1);
      close(ends[1]);
      close(back[0]);
      close(back[1]);
      char text[8] = {};
      must(read(ends[0], text, 7), "outsider's read");
    });
  });
  check_exit(parent);
  close(ends[0]);
  close(back[0]);
  close(back[1]);
  ready_and_wait();
  must(write(ends[1], "outside", 7), "write");
  pass();
}
