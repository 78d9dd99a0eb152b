// unix(7): a datagram socket bound to an abstract name with a zero byte in it, and one connected to it.
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "program.h"

int main() {
  sockaddr_un address{AF_UNIX, ""};
  const std::string name = std::string("\0cairn-test\0", 12) + std::to_string(getpid());
  memcpy(address.sun_path, name.data(), name.size());
  const socklen_t length = offsetof(sockaddr_un, sun_path) + name.size();
  const int server = must(socket(AF_UNIX, SOCK_DGRAM, 0), "socket"),
            client = must(socket(AF_UNIX, SOCK_DGRAM, 0), "socket");
  must(bind(server, reinterpret_cast<sockaddr*>(&address), length), "bind");
  must(connect(client, reinterpret_cast<sockaddr*>(&address), length), "connect");
  must(send(client, "queued", 6, 0), "send");
  ready_and_wait();
  char text[16] = {};
  check_equal(must(recv(server, text, sizeof text, MSG_DONTWAIT), "recv"), 6, "bytes queued");
  must(send(client, "later", 5, 0), "send");
  check_equal(must(recv(server, text, sizeof text, MSG_DONTWAIT), "recv"), 5, "bytes sent now");
  const int third = must(socket(AF_UNIX, SOCK_DGRAM, 0), "socket");
  must(sendto(third, "by name", 7, 0, reinterpret_cast<sockaddr*>(&address), length), "sendto");
  check_equal(must(recv(server, text, sizeof text, MSG_DONTWAIT), "recv"), 7, "bytes sent by name");
  pass();
}
