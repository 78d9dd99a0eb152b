#include "kernel/socket.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "kernel/described_object.h"

namespace cairn::kernel {
namespace {

long named(const char* name, long number, int fd, SocketAddress& address) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  long result = call(name, number, fd, arg(&storage), arg(&length));
  if (result >= 0) address = SocketAddress(&storage, length);
  return result;
}

bool is_absent(long result) {
  return result == -ENOPROTOOPT || result == -EOPNOTSUPP || result == -EINVAL || result == -ENOTCONN ||
         result == -ENODATA || result == -ENOENT || result == -ESRCH || result == -EDOM;
}

const char* inet_protocol(int protocol) {
  switch (protocol) {
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_UDPLITE:
      return "udplite";
    case IPPROTO_ICMP:
      return "icmp";
    case IPPROTO_ICMPV6:
      return "icmpv6";
    case IPPROTO_SCTP:
      return "sctp";
    case IPPROTO_MPTCP:
      return "mptcp";
    default:
      return nullptr;
  }
}

const char* type_name(int type) {
  switch (type) {
    case SOCK_STREAM:
      return "stream";
    case SOCK_DGRAM:
      return "datagram";
    case SOCK_SEQPACKET:
      return "seqpacket";
    case SOCK_RAW:
      return "raw";
    default:
      return "other";
  }
}

const char* family_name(int family) {
  switch (family) {
    case AF_NETLINK:
      return "netlink";
    case AF_PACKET:
      return "packet";
    case AF_VSOCK:
      return "vsock";
    case AF_ALG:
      return "alg";
    case AF_BLUETOOTH:
      return "bluetooth";
    case AF_CAN:
      return "can";
    case AF_XDP:
      return "xdp";
    case AF_KEY:
      return "key";
    case AF_TIPC:
      return "tipc";
    default:
      return nullptr;
  }
}

std::string inet_text(const SocketType& type) {
  const char* version = type.family == AF_INET6 ? " (ipv6)" : "";
  const char* protocol = type.type == SOCK_RAW ? nullptr : inet_protocol(type.protocol);
  if (protocol) return fmt::format("{}{}", protocol, version);
  return fmt::format("{} ip{}, protocol {}", type_name(type.type), version, type.protocol);
}

}  // namespace

std::string SocketType::text() const {
  if (family == AF_UNIX) return fmt::format("unix {}", type_name(type));
  if (family == AF_INET || family == AF_INET6) return inet_text(*this);
  if (const char* name = family_name(family)) return fmt::format("{} {}, protocol {}", name, type_name(type), protocol);
  return fmt::format("family {}, type {}, protocol {}", family, type, protocol);
}

SocketType socket_type(int fd) {
  return {socket_option(fd, SOL_SOCKET, SO_DOMAIN), socket_option(fd, SOL_SOCKET, SO_TYPE),
          socket_option(fd, SOL_SOCKET, SO_PROTOCOL)};
}

OwnedFd make_socket(const SocketType& type) {
  long fd = call("socket", SYS_socket, type.family, type.type | SOCK_CLOEXEC, type.protocol);
  if (fd < 0) fail("socket", type.text(), fd);
  return OwnedFd(static_cast<int>(fd));
}

std::array<OwnedFd, 2> make_socket_pair(const SocketType& type) {
  int fds[2] = {-1, -1};
  long result = call("socketpair", SYS_socketpair, type.family, type.type | SOCK_CLOEXEC, type.protocol, arg(fds));
  if (result < 0) fail("socketpair", type.text(), result);
  return {OwnedFd(fds[0]), OwnedFd(fds[1])};
}

SocketAddress socket_name(int fd) {
  SocketAddress address;
  long result = named("getsockname", SYS_getsockname, fd, address);
  if (result < 0) fail("getsockname", describe_descriptor(fd), result);
  return address;
}

std::optional<SocketAddress> try_peer_name(int fd) {
  SocketAddress address;
  long result = named("getpeername", SYS_getpeername, fd, address);
  if (result == -ENOTCONN || result == -EINVAL || result == -EOPNOTSUPP) return std::nullopt;
  if (result < 0) fail("getpeername", describe_descriptor(fd), result);
  return address;
}

int try_bind(int fd, const SocketAddress& address) {
  return static_cast<int>(call("bind", SYS_bind, fd, arg(address.get()), address.length()));
}

void bind(int fd, const SocketAddress& address) {
  int result = try_bind(fd, address);
  if (result < 0) fail("bind", address.text(), result);
}

void listen(int fd, int backlog) {
  long result = call("listen", SYS_listen, fd, backlog);
  if (result < 0) fail("listen", describe_descriptor(fd), result);
}

int try_connect(int fd, const SocketAddress& address) {
  return static_cast<int>(call("connect", SYS_connect, fd, arg(address.get()), address.length()));
}

void connect(int fd, const SocketAddress& address) {
  int result = try_connect(fd, address);
  if (result < 0) fail("connect", address.text(), result);
}

std::optional<OwnedFd> try_accept(int fd) {
  long accepted = call("accept4", SYS_accept4, fd, 0, 0, SOCK_CLOEXEC);
  if (accepted == -EAGAIN) return std::nullopt;
  if (accepted < 0) fail("accept", describe_descriptor(fd), accepted);
  return OwnedFd(static_cast<int>(accepted));
}

void shutdown(int fd, int how) {
  long result = call("shutdown", SYS_shutdown, fd, how);
  if (result < 0) fail("shutdown", describe_descriptor(fd), result);
}

std::optional<std::string> try_socket_option(int fd, int level, int option, size_t size) {
  std::string value(size, '\0');
  socklen_t length = static_cast<socklen_t>(size);
  long result = call("getsockopt", SYS_getsockopt, fd, level, option, arg(value.data()), arg(&length));
  if (is_absent(result)) return std::nullopt;
  if (result < 0) fail(fmt::format("getsockopt {}/{} of", level, option).c_str(), describe_descriptor(fd), result);
  value.resize(std::min<size_t>(length, size));
  return value;
}

int try_set_socket_option(int fd, int level, int option, std::string_view value) {
  return static_cast<int>(
      call("setsockopt", SYS_setsockopt, fd, level, option, arg(value.data()), static_cast<long>(value.size())));
}

bool put_back_socket_option(int fd, int level, int option, std::string_view value) noexcept {
  constexpr int kTries = 2;
  for (int n = 0; n < kTries; ++n)
    if (try_set_socket_option(fd, level, option, value) == 0) return true;
  return false;
}

int socket_option(int fd, int level, int option) {
  int value = 0;
  socklen_t length = sizeof(value);
  long result = call("getsockopt", SYS_getsockopt, fd, level, option, arg(&value), arg(&length));
  if (result < 0) fail(fmt::format("getsockopt {}/{} of", level, option).c_str(), describe_descriptor(fd), result);
  return value;
}

void set_socket_option(int fd, int level, int option, int value) {
  int result =
      try_set_socket_option(fd, level, option, std::string_view(reinterpret_cast<const char*>(&value), sizeof(value)));
  if (result < 0) fail(fmt::format("setsockopt {}/{} of", level, option).c_str(), describe_descriptor(fd), result);
}

short poll_now(int fd, short events) {
  pollfd entry{fd, events, 0};
  poll({&entry, 1}, std::chrono::milliseconds(0));
  return entry.revents;
}

long unread_bytes(int fd) {
  int count = 0;
  long result = call("ioctl FIONREAD", SYS_ioctl, fd, FIONREAD, arg(&count));
  return result < 0 ? result : count;
}

long unsent_bytes(int fd) {
  int count = 0;
  long result = call("ioctl SIOCOUTQ", SYS_ioctl, fd, SIOCOUTQ, arg(&count));
  return result < 0 ? result : count;
}

void set_socket_owner(int fd, uid_t user, gid_t group) {
  long result = call("fchown", SYS_fchown, fd, user, group);
  if (result < 0) fail("fchown", describe_descriptor(fd), result);
}

}  // namespace cairn::kernel
