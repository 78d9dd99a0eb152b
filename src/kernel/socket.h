// Sockets by ordinary calls: typed, failures are Errors that name call and object (see calls.h). Nothing here changes
// what it reads.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "kernel/calls.h"
#include "kernel/socket_address.h"

namespace cairn::kernel {

struct SocketType {
  int family = 0, type = 0, protocol = 0;
  auto operator<=>(const SocketType&) const = default;
  // "tcp (ipv6)", "unix stream", "netlink, protocol 15", "family 45, type 1, protocol 0".
  std::string text() const;
};

// SO_DOMAIN, SO_TYPE and SO_PROTOCOL. An Error when it is no socket.
SocketType socket_type(int fd);
OwnedFd make_socket(const SocketType& type);
std::array<OwnedFd, 2> make_socket_pair(const SocketType& type);

SocketAddress socket_name(int fd);
std::optional<SocketAddress> try_peer_name(int fd);  // empty when it isn't connected
// 0 or a negative errno value.
int try_bind(int fd, const SocketAddress& address);
void bind(int fd, const SocketAddress& address);
void listen(int fd, int backlog);
int try_connect(int fd, const SocketAddress& address);
void connect(int fd, const SocketAddress& address);
// Empty when nobody waits (the socket must not block).
std::optional<OwnedFd> try_accept(int fd);
void shutdown(int fd, int how);

// The value of an option as raw bytes, cut to what the kernel wrote; empty when it has none there (ENOPROTOOPT and its
// like, whose text depends on the level).
std::optional<std::string> try_socket_option(int fd, int level, int option, size_t size = 256);
int try_set_socket_option(int fd, int level, int option, std::string_view value);
// For destructors: one failure is not accepted, and no error can be told. False when it can't be had.
bool put_back_socket_option(int fd, int level, int option, std::string_view value) noexcept;
// Options that are an int, and that the kernel has had for ever.
int socket_option(int fd, int level, int option);
void set_socket_option(int fd, int level, int option, int value);
template <typename T>
std::optional<T> try_socket_option_as(int fd, int level, int option) {
  auto bytes = try_socket_option(fd, level, option, sizeof(T));
  if (!bytes || bytes->size() != sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes->data(), sizeof(T));
  return value;
}

// Which of these events hold now: poll(2) that doesn't wait. Unlike SO_ERROR, POLLERR doesn't clear what it reports.
short poll_now(int fd, short events);
// FIONREAD (SIOCINQ) and SIOCOUTQ; negative errno where the socket has no such queue (a listening one).
long unread_bytes(int fd);
long unsent_bytes(int fd);
// The inode's owner, which is the socket's own: chown(2) sets both (Linux 4.10).
void set_socket_owner(int fd, uid_t user, gid_t group);

}  // namespace cairn::kernel
