// udp(7): bound and connected sockets send and receive at their old ports.
#include <netinet/in.h>
#include <sys/socket.h>

#include "loopback.h"
#include "program.h"

int main() {
  sockaddr_in address{AF_INET, 0, own_loopback()};
  socklen_t size = sizeof address;
  const int server = must(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), "socket");
  const int client = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
  must(bind(server, reinterpret_cast<sockaddr*>(&address), size), "bind");
  must(getsockname(server, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  sockaddr_in own{AF_INET, 0, own_loopback()};
  must(bind(client, reinterpret_cast<sockaddr*>(&own), sizeof own), "bind client");
  must(connect(client, reinterpret_cast<sockaddr*>(&address), size), "connect");
  const int tos = 0x10, broadcast = 1;
  must(setsockopt(server, IPPROTO_IP, IP_TOS, &tos, sizeof tos), "IP_TOS");
  must(setsockopt(server, SOL_SOCKET, SO_BROADCAST, &broadcast, sizeof broadcast), "SO_BROADCAST");
  ready_and_wait();
  int value = 0;
  size = sizeof value;
  must(getsockopt(server, IPPROTO_IP, IP_TOS, &value, &size), "getsockopt");
  check_equal(value, 0x10, "IP_TOS");
  must(send(client, "datagram", 8, 0), "send");
  char text[16] = {};
  sockaddr_in from{};
  size = sizeof from;
  must(recvfrom(server, text, sizeof text, 0, reinterpret_cast<sockaddr*>(&from), &size), "recvfrom");
  check_equal(text, "datagram", "content");
  must(sendto(server, "back", 4, 0, reinterpret_cast<sockaddr*>(&from), size), "sendto");
  check_equal(must(recv(client, text, sizeof text, 0), "recv"), 4, "bytes of the answer");
  pass();
}
