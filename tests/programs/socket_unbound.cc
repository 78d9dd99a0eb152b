// socket(2): sockets that were made and not used yet: unix, tcp, tcp6, udp; bound but not listening.
#include <netinet/in.h>
#include <sys/socket.h>

#include "loopback.h"
#include "program.h"

int main() {
  const int domains[] = {AF_UNIX, AF_INET, AF_INET6}, types[] = {SOCK_STREAM, SOCK_DGRAM};
  int sockets[6], n = 0;
  for (int domain : domains)
    for (int type : types) sockets[n++] = must(socket(domain, type | SOCK_NONBLOCK, 0), "socket");
  sockaddr_in address{AF_INET, 0, own_loopback()};
  socklen_t size = sizeof address;
  must(bind(sockets[2], reinterpret_cast<sockaddr*>(&address), size), "bind");
  must(getsockname(sockets[2], reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  ready_and_wait();
  for (int i = 0; i < 6; i++) {
    int domain = 0, type = 0;
    size = sizeof domain;
    must(getsockopt(sockets[i], SOL_SOCKET, SO_DOMAIN, &domain, &size), "SO_DOMAIN");
    must(getsockopt(sockets[i], SOL_SOCKET, SO_TYPE, &type, &size), "SO_TYPE");
    check_equal(domain, domains[i / 2], "domain");
    check_equal(type, types[i % 2], "type");
    check(fcntl(sockets[i], F_GETFL) & O_NONBLOCK, "O_NONBLOCK is lost");
  }
  sockaddr_in now_bound{};
  size = sizeof now_bound;
  must(getsockname(sockets[2], reinterpret_cast<sockaddr*>(&now_bound), &size), "getsockname");
  check_equal(now_bound.sin_port, address.sin_port, "bound port");
  must(listen(sockets[2], 5), "listen");
  must(connect(sockets[3], reinterpret_cast<sockaddr*>(&address), sizeof address), "connect");
  pass();
}
