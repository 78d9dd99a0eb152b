// Connections for the tests of tcp(7): at addresses of this play alone, with nothing on its way.
#pragma once

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <string>

#include "loopback.h"
#include "program.h"

namespace program {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  in_port_t& port() { return reinterpret_cast<sockaddr_in*>(&storage)->sin_port; }
};

inline Address loopback(int family) {
  Address address;
  if (family == AF_INET) {
    const sockaddr_in four{AF_INET, 0, own_loopback(), {}};
    memcpy(&address.storage, &four, address.size = sizeof four);
  } else {
    const sockaddr_in6 six{AF_INET6, own_port(0), 0, IN6ADDR_LOOPBACK_INIT, 0};
    memcpy(&address.storage, &six, address.size = sizeof six);
  }
  return address;
}

// IPv4 mapped to IPv6.
inline Address mapped_loopback() {
  sockaddr_in6 six{AF_INET6, 0, 0, {}, 0};
  const in_addr four = own_loopback();
  six.sin6_addr.s6_addr[10] = six.sin6_addr.s6_addr[11] = 0xff;
  memcpy(&six.sin6_addr.s6_addr[12], &four, sizeof four);
  Address address;
  memcpy(&address.storage, &six, address.size = sizeof six);
  return address;
}

inline int tcp_socket(const Address& address) {
  return must(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
}

// Binds; where there is but one address, to the first port that is free.
inline void bind_to(int fd, Address& address) {
  int failed = bind(fd, address.get(), address.size);
  for (int attempt = 1; failed && errno == EADDRINUSE && address.port() != 0 && attempt < 40; attempt++) {
    address.port() = own_port(attempt);
    failed = bind(fd, address.get(), address.size);
  }
  must(failed, "bind");
  must(getsockname(fd, address.get(), &address.size), "getsockname");
}

inline int listen_at(Address& address) {
  const int fd = tcp_socket(address);
  bind_to(fd, address);
  must(listen(fd, 8), "listen");
  return fd;
}

struct Connection {
  int client, server;
};

// The client has an address of this play too: the kernel would take 127.0.0.1 and a port that others may get.
inline int client_of(Address& server) {
  const int client = tcp_socket(server);
  if (server.storage.ss_family == AF_INET) {
    Address own = loopback(AF_INET);
    bind_to(client, own);
  }
  return client;
}

inline Connection connect_at(int listener, Address& address) {
  const int client = client_of(address);
  must(connect(client, address.get(), address.size), "connect");
  return {client, must(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept")};
}

inline Connection connected(int family = AF_INET) {
  Address address = loopback(family);
  const int listener = listen_at(address);
  const Connection made = connect_at(listener, address);
  close(listener);
  return made;
}

inline int tcp_state(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  must(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), "TCP_INFO");
  return info.tcpi_state;
}

inline void wait_for_state(int fd, int state) {
  for (const int64_t end = now() + 50 * kSecond; tcp_state(fd) != state; sleep_ms(1))
    if (now() > end) fail("state is %d, not %d", tcp_state(fd), state);
}

inline int queued(int fd, unsigned long request) {
  int size = -1;
  must(ioctl(fd, request, &size), "ioctl");
  return size;
}
inline int unread(int fd) { return queued(fd, SIOCINQ); }
inline int unacknowledged(int fd) { return queued(fd, SIOCOUTQ); }

// Until all that was sent has been acknowledged.
inline void wait_for_delivery(int fd) {
  for (const int64_t end = now() + 50 * kSecond; unacknowledged(fd) != 0; sleep_ms(1))
    if (now() > end) fail("%d bytes were never acknowledged", unacknowledged(fd));
}

inline void send_text(int fd, const std::string& text) {
  check_equal(must(send(fd, text.data(), text.size(), MSG_NOSIGNAL), "send"), text.size(), "sent bytes");
}

// Bytes that differ from place to place.
inline char byte_at(size_t place) { return char(place * 7 + place / 251); }

// Sends until no more fits, and waits until nothing moves any more.
inline size_t fill(int fd, int receiver) {
  size_t total = 0;
  char block[4096];
  for (;;) {
    for (size_t i = 0; i < sizeof block; i++) block[i] = byte_at(total + i);
    const ssize_t sent = send(fd, block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) break;
    total += size_t(sent);
  }
  check_equal(errno, EAGAIN, "errno of a full queue");
  for (int quiet = 0, before = -1; quiet < 100; sleep_ms(5)) {
    quiet = before == unread(receiver) ? quiet + 1 : 0;
    before = unread(receiver);
  }
  return total;
}

inline void check_received(int fd, size_t total) {
  char block[65536];
  for (size_t place = 0; place < total;) {
    const ssize_t count = must(recv(fd, block, sizeof block, 0), "recv");
    check(count > 0, "the stream ends after %zu of %zu bytes", place, total);
    for (ssize_t i = 0; i < count; i++)
      if (block[i] != byte_at(place + size_t(i))) fail("byte %zu differs", place + size_t(i));
    place += size_t(count);
  }
}

inline void check_text(int fd, const std::string& text) {
  std::string got(text.size(), '\0');
  if (!text.empty()) check_equal(must(recv(fd, got.data(), got.size(), MSG_WAITALL), "recv"), text.size(), "bytes");
  check_equal(got, text, "what was received");
}

inline void check_end(int fd) {
  char byte;
  check_equal(must(recv(fd, &byte, 1, 0), "recv at the end"), 0, "bytes at the end");
}

inline void check_both_ways(const Connection& connection) {
  send_text(connection.client, "there");
  check_text(connection.server, "there");
  send_text(connection.server, "and back");
  check_text(connection.client, "and back");
}

}  // namespace program
