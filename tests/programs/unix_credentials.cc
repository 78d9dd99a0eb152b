// unix(7) SO_PEERCRED: the pair names the process that made it, also in a child that holds it now.
#include <sys/socket.h>

#include "program.h"

int main() {
  int pair[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
  const pid_t other = child_in(SYS_read, [&] {
    char byte;
    close(pair[0]);
    must(read(pair[1], &byte, 1), "child's read");
    ucred credentials;
    socklen_t size = sizeof credentials;
    must(getsockopt(pair[1], SOL_SOCKET, SO_PEERCRED, &credentials, &size), "SO_PEERCRED");
    check_equal(credentials.pid, getppid(), "pid of the peer");
    check_equal(credentials.uid, getuid(), "uid of the peer");
  });
  close(pair[1]);
  ready_and_wait();
  must(write(pair[0], "x", 1), "write");
  check_exit(other);
  pass();
}
