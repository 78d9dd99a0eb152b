// tcp(7): listening sockets, IPv4 and IPv6, take connections at their old ports; options are handed down.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "loopback.h"
#include "program.h"

static int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  must(getsockopt(fd, level, name, &value, &size), "getsockopt");
  return value;
}

static int listen_at(sockaddr* address, socklen_t size) {
  const int one = 1, idle = 7000;
  const int fd = must(socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), "SO_REUSEADDR");
  must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "TCP_NODELAY");
  must(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle), "TCP_KEEPIDLE");
  if (address->sa_family == AF_INET6) must(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one), "IPV6_V6ONLY");
  int failed = bind(fd, address, size);
  for (int attempt = 0; failed && errno == EADDRINUSE && address->sa_family == AF_INET6 && attempt < 40; attempt++) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = own_port(attempt);
    failed = bind(fd, address, size);
  }
  must(failed, "bind");
  must(listen(fd, 70), "listen");
  must(getsockname(fd, address, &size), "getsockname");
  return fd;
}

static void connect_to(int listener, sockaddr* address, socklen_t size) {
  const int client = must(socket(address->sa_family, SOCK_STREAM, 0), "socket");
  must(connect(client, address, size), "connect");
  const int server = must(accept(listener, nullptr, nullptr), "accept");
  check_equal(option(server, IPPROTO_TCP, TCP_NODELAY), 1, "TCP_NODELAY handed down");
  check_equal(option(server, IPPROTO_TCP, TCP_KEEPIDLE), 7000, "TCP_KEEPIDLE handed down");
  char byte = 'x';
  must(write(client, &byte, 1), "write");
  check_equal(read(server, &byte, 1), 1, "bytes");
}

int main() {
  sockaddr_in four{AF_INET, 0, own_loopback()};
  sockaddr_in6 six{AF_INET6, own_port(0), 0, IN6ADDR_LOOPBACK_INIT, 0};
  const int listener_four = listen_at(reinterpret_cast<sockaddr*>(&four), sizeof four);
  const int listener_six = listen_at(reinterpret_cast<sockaddr*>(&six), sizeof six);
  ready_and_wait();
  check_equal(option(listener_six, IPPROTO_IPV6, IPV6_V6ONLY), 1, "IPV6_V6ONLY");
  connect_to(listener_four, reinterpret_cast<sockaddr*>(&four), sizeof four);
  connect_to(listener_six, reinterpret_cast<sockaddr*>(&six), sizeof six);
  pass();
}
