// The address of a socket, of any family, and how messages print it.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>
#include <string_view>

namespace cairn::kernel {

class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const void* address, socklen_t length);
  // unix(7): `name` is a path, or an abstract name with its leading zero byte; empty is an unnamed socket.
  static SocketAddress unix(std::string_view name);
  // `address` is 4 or 16 bytes in network order.
  static SocketAddress inet(std::string_view address, uint16_t port, uint32_t scope = 0);

  int family() const { return storage_.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t length() const { return length_; }
  bool empty() const { return length_ <= sizeof(sa_family_t); }

  // The name of a unix socket as unix() takes it; a path comes without the zero byte behind it.
  std::string unix_name() const;
  // Of an AF_INET or AF_INET6 address.
  std::string inet_address() const;
  uint16_t port() const;
  uint32_t scope() const;
  bool is_any() const;  // 0.0.0.0 or ::

  // "127.0.0.1:80", "[::1]:80", "/run/x", "@name", "unnamed", "family 40".
  std::string text() const;
  bool operator==(const SocketAddress& other) const {
    return length_ == other.length_ && std::memcmp(&storage_, &other.storage_, length_) == 0;
  }

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

// How messages print the name of a unix socket: "@name" for an abstract one; bytes that can't be printed are escaped.
std::string unix_name_text(std::string_view name);

}  // namespace cairn::kernel
