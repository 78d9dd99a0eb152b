// refused: connections wait at 127.0.0.1
// tcp(7): a connection that the listener has not accepted yet.
#include <netinet/in.h>
#include <sys/socket.h>

#include "program.h"

int main() {
  sockaddr_in address{AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
  auto* name = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  const int listener = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
  must(bind(listener, name, size), "bind");
  must(listen(listener, 1), "listen");
  must(getsockname(listener, name, &size), "getsockname");
  const int client = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
  must(connect(client, name, size), "connect");
  ready_and_wait();
  const int server = must(accept(listener, nullptr, nullptr), "accept");
  must(write(client, "hello", 5), "write");
  char text[8] = {};
  check_equal(must(read(server, text, 5), "read"), 5, "bytes");
  pass();
}
