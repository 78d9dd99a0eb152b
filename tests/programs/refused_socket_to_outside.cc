// refused: socket|unix
// unix(7): the peer of a pair is held by a process that doesn't belong to the tree.
#include <sys/socket.h>

#include "program.h"

int main() {
  int pair[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
  const pid_t self = getpid();
  const pid_t parent = child([&] {
    child([&] {
      while (getpgid(getppid()) == self) sleep_ms(1);
      close(pair[0]);
      char text[16];
      const ssize_t n = must(read(pair[1], text, sizeof text), "outsider's read");
      must(write(pair[1], text, n), "outsider's write");
    });
  });
  check_exit(parent);
  close(pair[1]);
  ready_and_wait();
  must(write(pair[0], "outside", 7), "write");
  char text[16];
  check_equal(must(read(pair[0], text, sizeof text), "read"), 7, "bytes from outside");
  pass();
}
