#include "resources/inet_binding.h"

#include <netinet/in.h>

#include <algorithm>

#include "kernel/socket.h"
#include "resources/tcp_sockets.h"

namespace cairn::resources {
namespace {

bool flag(int fd, int level, int option) {
  return kernel::try_socket_option_as<int>(fd, level, option).value_or(0) != 0;
}

std::string text_of(std::string value) {
  value.resize(std::min(value.find('\0'), value.size()));
  return value;
}

// Connections of the past (TIME_WAIT) may be in the way of a listener; the option gets its own value back afterwards.
// Those of sockets that had not set the option are in the way even so.
int bind_past_connections(int fd, const image::InetBinding& binding, int type) {
  kernel::SocketAddress address = address_of(binding);
  int result = kernel::try_bind(fd, address);
  if (result != -EADDRINUSE || type != SOCK_STREAM) return result;
  if (!binding.reuse_address()) {
    kernel::set_socket_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    result = kernel::try_bind(fd, address);
  }
  return result == -EADDRINUSE && end_past_connections(address, {}) ? kernel::try_bind(fd, address) : result;
}

}  // namespace

kernel::SocketAddress address_of(const image::InetBinding& binding) {
  return kernel::SocketAddress::inet(binding.address(), static_cast<uint16_t>(binding.port()), binding.scope());
}

OwnedFd make_unbound(const image::InetBinding& binding, int type, int protocol) {
  OwnedFd fd = kernel::make_socket({binding.ipv6() ? AF_INET6 : AF_INET, type, protocol});
  auto set_if = [&](bool wanted, int level, int option) {
    if (wanted) kernel::set_socket_option(fd.get(), level, option, 1);
  };
  // A port is shared (SO_REUSEPORT) by sockets of one owner only.
  if (binding.user() != kernel::fstat(fd.get()).st_uid)
    kernel::set_socket_owner(fd.get(), binding.user(), static_cast<gid_t>(-1));
  set_if(binding.reuse_address(), SOL_SOCKET, SO_REUSEADDR);
  set_if(binding.reuse_port(), SOL_SOCKET, SO_REUSEPORT);
  set_if(binding.any_address(), IPPROTO_IP, IP_FREEBIND);
  set_if(binding.transparent(), IPPROTO_IP, IP_TRANSPARENT);
  set_if(binding.has_address() && binding.port() == 0, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
  if (binding.ipv6()) kernel::set_socket_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, binding.ipv6_only() ? 1 : 0);
  if (!binding.device().empty()) {
    int result = kernel::try_set_socket_option(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, binding.device());
    if (result < 0) throw Error::system(fmt::format("bind to interface {}", binding.device()), -result);
  }
  return fd;
}

image::InetBinding describe_binding(const DescriptionView& view) {
  int fd = view.fd();
  image::InetBinding binding;
  kernel::SocketAddress name = kernel::socket_name(fd);
  binding.set_ipv6(name.family() == AF_INET6);
  if (name.port() != 0 || !name.is_any()) {
    binding.set_address(name.inet_address());
    binding.set_port(name.port());
    if (name.scope() != 0) binding.set_scope(name.scope());
  }
  binding.set_user(view.stat().st_uid);
  binding.set_device(text_of(kernel::try_socket_option(fd, SOL_SOCKET, SO_BINDTODEVICE).value_or("")));
  binding.set_reuse_address(flag(fd, SOL_SOCKET, SO_REUSEADDR));
  binding.set_reuse_port(flag(fd, SOL_SOCKET, SO_REUSEPORT));
  binding.set_any_address(flag(fd, IPPROTO_IP, IP_FREEBIND));
  binding.set_transparent(flag(fd, IPPROTO_IP, IP_TRANSPARENT));
  if (binding.ipv6()) binding.set_ipv6_only(flag(fd, IPPROTO_IPV6, IPV6_V6ONLY));
  return binding;
}

OwnedFd make_bound(const image::InetBinding& binding, int type, int protocol) {
  OwnedFd fd = make_unbound(binding, type, protocol);
  if (!binding.has_address()) return fd;
  int result = bind_past_connections(fd.get(), binding, type);
  if (result < 0) throw Error::system(fmt::format("bind {}", address_of(binding).text()), -result);
  return fd;
}

void check_binding(CheckContext& context, const image::InetBinding& binding, int type, int protocol) {
  if (!binding.has_address()) return;
  std::string name = kernel::SocketType{binding.ipv6() ? AF_INET6 : AF_INET, type, protocol}.text();
  Precondition precondition{.object = fmt::format("{} {}", name, address_of(binding).text()),
                            .needed = "can be bound to",
                            .met = true,
                            .found = ""};
  try {
    make_bound(binding, type, protocol);
  } catch (const Error& error) {
    precondition.met = false;
    precondition.found = error.text();
  }
  context.add(std::move(precondition));
}

}  // namespace cairn::resources
