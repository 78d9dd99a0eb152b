// unix(7): a pair that joins two children; the parent that made it has closed both ends, and is still who made it.
#include <sys/socket.h>

#include "program.h"

int main() {
  int pair[2];
  must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), "socketpair");
  const pid_t parent = getpid();
  const auto check_maker = [&](int fd) {
    ucred maker{};
    socklen_t size = sizeof maker;
    must(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &maker, &size), "SO_PEERCRED");
    check_equal(maker.pid, parent, "who made the pair");
  };
  const pid_t answering = child_in(SYS_recvfrom, [&] {
    close(pair[0]);
    char text[8] = {};
    const ssize_t size = must(recv(pair[1], text, sizeof text, 0), "recv of the first child");
    must(send(pair[1], text, size, 0), "answer");
    check_maker(pair[1]);
  });
  const pid_t asking = child_in(SYS_openat, [&] {
    close(pair[1]);
    wait_for_go();
    must(send(pair[0], "asked", 5, 0), "question");
    char text[8] = {};
    check_equal(must(recv(pair[0], text, sizeof text, 0), "recv of the second child"), 5, "bytes of the answer");
    check_maker(pair[0]);
  });
  for (int end : pair) close(end);
  ready_and_wait();
  check_exit(asking);
  check_exit(answering);
  pass();
}
