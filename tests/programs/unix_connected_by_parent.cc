// unix(7): a connection between two children; the parent that listened, connected and accepted has closed all, and is
// still who it was made by.
#include <sys/socket.h>
#include <sys/un.h>

#include "program.h"

int main() {
  sockaddr_un address{AF_UNIX, "meeting"};
  const auto* const where = reinterpret_cast<const sockaddr*>(&address);
  const int listener = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  must(bind(listener, where, sizeof address), "bind");
  must(listen(listener, 1), "listen");
  int pair[2];
  pair[0] = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  must(connect(pair[0], where, sizeof address), "connect");
  pair[1] = must(accept(listener, nullptr, nullptr), "accept");
  close(listener);
  const pid_t parent = getpid();
  const auto check_maker = [&](int fd) {
    ucred maker{};
    socklen_t size = sizeof maker;
    must(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &maker, &size), "SO_PEERCRED");
    check_equal(maker.pid, parent, "who made the other end");
  };
  const pid_t answering = child_in(SYS_read, [&] {
    close(pair[0]);
    char text[8] = {};
    const ssize_t size = must(read(pair[1], text, sizeof text), "read of the first child");
    must(write(pair[1], text, size), "answer");
    check_maker(pair[1]);
  });
  const pid_t asking = child_in(SYS_openat, [&] {
    close(pair[1]);
    wait_for_go();
    must(write(pair[0], "asked", 5), "question");
    char text[8] = {};
    check_equal(must(read(pair[0], text, sizeof text), "read of the second child"), 5, "bytes of the answer");
    check_maker(pair[0]);
  });
  for (int end : pair) close(end);
  ready_and_wait();
  check_exit(asking);
  check_exit(answering);
  pass();
}
