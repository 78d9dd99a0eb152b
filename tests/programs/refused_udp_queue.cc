// refused: datagrams are unread
// udp(7): an unread datagram could be read, but not put back with its sender.
#include <netinet/in.h>
#include <sys/socket.h>

#include "program.h"

int main() {
  sockaddr_in address{AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  const int server = must(socket(AF_INET, SOCK_DGRAM, 0), "socket"),
            client = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
  must(bind(server, reinterpret_cast<sockaddr*>(&address), size), "bind");
  must(getsockname(server, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  must(connect(client, reinterpret_cast<sockaddr*>(&address), size), "connect");
  must(send(client, "unread", 6, 0), "send");
  ready_and_wait();
  char text[8] = {};
  check_equal(must(recv(server, text, sizeof text, MSG_DONTWAIT), "recv"), 6, "bytes");
  check_equal(text, "unread", "content");
  pass();
}
