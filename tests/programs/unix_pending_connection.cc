// refused: with data
// A connection that waits is refused for now: nobody but the accepting program can read what it brings.
// unix(7): a connection that waits in the backlog, with data, is accepted later.
#include <sys/socket.h>
#include <sys/un.h>

#include "program.h"

int main() {
  sockaddr_un address{AF_UNIX, "service"};
  const int listener = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket"),
            client = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  must(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  must(listen(listener, 4), "listen");
  must(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), "connect");
  must(write(client, "early", 5), "write");
  ready_and_wait();
  const int server = must(accept(listener, nullptr, nullptr), "accept");
  char text[8] = {};
  check_equal(must(read(server, text, sizeof text), "read"), 5, "bytes");
  check_equal(text, "early", "content");
  must(write(server, "late", 4), "write");
  check_equal(must(read(client, text, sizeof text), "read"), 4, "bytes back");
  pass();
}
