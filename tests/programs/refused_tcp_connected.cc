// refused: tcp
// tcp(7): an established connection inside the tree.
#include <netinet/in.h>
#include <sys/socket.h>

#include "program.h"

int main() {
  sockaddr_in address{AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
  auto* name = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  const int listener = must(socket(AF_INET, SOCK_STREAM, 0), "socket"),
            client = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
  must(bind(listener, name, size), "bind");
  must(listen(listener, 1), "listen");
  must(getsockname(listener, name, &size), "getsockname");
  must(connect(client, name, size), "connect");
  const int server = must(accept(listener, nullptr, nullptr), "accept");
  must(write(client, "queued", 6), "write");
  ready_and_wait();
  char text[8] = {};
  check_equal(must(read(server, text, 6), "read"), 6, "bytes");
  must(write(server, text, 6), "write back");
  check_equal(must(read(client, text, 6), "read back"), 6, "bytes back");
  pass();
}
