// unix(7) streams: one shut down for writing, one whose peer is gone: data first, then end of file; EPIPE.
#include <signal.h>
#include <sys/socket.h>

#include "program.h"

int main() {
  int half[2], alone[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, half), "socketpair");
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, alone), "socketpair");
  must(write(half[0], "last", 4), "write");
  must(shutdown(half[0], SHUT_WR), "shutdown");
  must(write(alone[0], "will", 4), "write");
  close(alone[0]);
  ready_and_wait();
  char text[8] = {};
  check_equal(must(recv(half[1], text, 8, MSG_DONTWAIT), "recv"), 4, "bytes");
  check_equal(recv(half[1], text, 8, MSG_DONTWAIT), 0, "read after the last byte");
  check(send(half[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE, "the half that was shut down writes");
  must(send(half[1], "other way", 9, 0), "send the other way");
  check_equal(must(recv(alone[1], text, 8, MSG_DONTWAIT), "recv"), 4, "bytes of the dead peer");
  check_equal(recv(alone[1], text, 8, MSG_DONTWAIT), 0, "read after them");
  check(send(alone[1], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE, "write to the dead peer gave errno %d", errno);
  pass();
}
