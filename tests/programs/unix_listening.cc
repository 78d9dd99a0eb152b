// unix(7): a socket that listens at a path takes connections; its options and its backlog hold.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "program.h"

int main() {
  sockaddr_un address{AF_UNIX, "service"};
  const int listener = must(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
  must(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  must(chmod("service", 0621), "chmod");
  must(listen(listener, 3), "listen");
  const int one = 1;
  must(setsockopt(listener, SOL_SOCKET, SO_PASSCRED, &one, sizeof one), "SO_PASSCRED");
  ready_and_wait();
  struct stat status;
  must(stat("service", &status), "stat");
  check_equal(status.st_mode & 0777, 0621u, "mode of the node");
  for (int i = 0; i < 4; i++) {
    const int client = must(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
    must(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), "connect");
  }
  const int fifth = must(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
  check(connect(fifth, reinterpret_cast<sockaddr*>(&address), sizeof address) == -1 && errno == EAGAIN,
        "the backlog has become longer");
  const int accepted = must(accept(listener, nullptr, nullptr), "accept");
  int credentials = 0;
  socklen_t size = sizeof credentials;
  must(getsockopt(accepted, SOL_SOCKET, SO_PASSCRED, &credentials, &size), "getsockopt");
  check_equal(credentials, 1, "SO_PASSCRED handed down");
  pass();
}
