// open(2) and fork(2): parent and child share one description and its position; a second open has its own.
#include "program.h"

int main() {
  const int shared = must(open("text", O_RDWR | O_CREAT, 0600), "open");
  must(write(shared, "0123456789abcdef", 16), "write");
  must(lseek(shared, 4, SEEK_SET), "lseek");
  const int own = must(open("text", O_RDONLY), "open again");
  int begin[2];
  must(pipe(begin), "pipe");
  const pid_t other = child_in(SYS_read, [&] {
    char byte;
    close(begin[1]);
    read(begin[0], &byte, 1);
    must(lseek(shared, 3, SEEK_CUR), "child's lseek");
  });
  close(begin[0]);
  ready_and_wait();
  close(begin[1]);
  check_exit(other);
  check_equal(lseek(shared, 0, SEEK_CUR), 7, "shared position");
  check_equal(lseek(own, 0, SEEK_CUR), 0, "own position");
  pass();
}
