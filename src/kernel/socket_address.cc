#include "kernel/socket_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>
#include <cstddef>

#include "base/error.h"

namespace cairn::kernel {
namespace {

constexpr size_t kPathOffset = offsetof(sockaddr_un, sun_path);

template <typename Address>
Address read_as(const sockaddr_storage& storage) {
  Address address;
  std::memcpy(&address, &storage, sizeof(address));
  return address;
}

std::string inet_text(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = {};
  std::string bytes = address.inet_address();
  ::inet_ntop(address.family(), bytes.data(), text, sizeof(text));
  if (address.family() == AF_INET) return fmt::format("{}:{}", text, address.port());
  if (address.scope() == 0) return fmt::format("[{}]:{}", text, address.port());
  return fmt::format("[{}%{}]:{}", text, address.scope(), address.port());
}

}  // namespace

SocketAddress::SocketAddress(const void* address, socklen_t length)
    : length_(std::min<socklen_t>(length, sizeof(storage_))) {
  std::memcpy(&storage_, address, length_);
}

SocketAddress SocketAddress::unix(std::string_view name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() > sizeof(address.sun_path)) throw Error(fmt::format("'{}' is too long for a socket's name", name));
  std::memcpy(address.sun_path, name.data(), name.size());
  return {&address, static_cast<socklen_t>(kPathOffset + name.size())};
}

SocketAddress SocketAddress::inet(std::string_view address, uint16_t port, uint32_t scope) {
  if (address.size() == sizeof(in_addr)) {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    std::memcpy(&four.sin_addr, address.data(), sizeof(in_addr));
    return {&four, sizeof(four)};
  }
  if (address.size() != sizeof(in6_addr)) throw Error(fmt::format("an address of {} bytes", address.size()));
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  six.sin6_scope_id = scope;
  std::memcpy(&six.sin6_addr, address.data(), sizeof(in6_addr));
  return {&six, sizeof(six)};
}

std::string SocketAddress::unix_name() const {
  if (length_ <= kPathOffset) return {};
  std::string name(reinterpret_cast<const char*>(&storage_) + kPathOffset, length_ - kPathOffset);
  if (name.front() != '\0') name.resize(std::min(name.find('\0'), name.size()));
  return name;
}

std::string SocketAddress::inet_address() const {
  const char* bytes = reinterpret_cast<const char*>(&storage_);
  if (family() == AF_INET) return {bytes + offsetof(sockaddr_in, sin_addr), sizeof(in_addr)};
  if (family() == AF_INET6) return {bytes + offsetof(sockaddr_in6, sin6_addr), sizeof(in6_addr)};
  return {};
}

uint16_t SocketAddress::port() const {
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  return ntohs(read_as<sockaddr_in>(storage_).sin_port);
}

uint32_t SocketAddress::scope() const {
  return family() == AF_INET6 ? read_as<sockaddr_in6>(storage_).sin6_scope_id : 0;
}

bool SocketAddress::is_any() const {
  std::string bytes = inet_address();
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == 0; });
}

std::string SocketAddress::text() const {
  if (family() == AF_UNIX || empty()) return unix_name_text(unix_name());
  if (family() == AF_INET || family() == AF_INET6) return inet_text(*this);
  return fmt::format("family {}", family());
}

std::string unix_name_text(std::string_view name) {
  if (name.empty()) return "unnamed";
  std::string text;
  for (size_t i = 0; i < name.size(); ++i) {
    if (i == 0 && name[i] == '\0') {
      text += '@';
    } else if (std::isprint(static_cast<unsigned char>(name[i]))) {
      text += name[i];
    } else {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(name[i]));
    }
  }
  return text;
}

}  // namespace cairn::kernel
