// tcp(7) without a connection: a socket that listens (IPv4, IPv6), that is bound, or that was only made. State, backlog
// and the number of waiting connections come from TCP_INFO, addresses from getsockname(2).
//
// Refused: connections that nobody has accepted yet (again: the program will accept them), keys of TCP-MD5 and TCP-AO,
// which can't be read. Half-open connections (SYN received) are let go: the client sends its SYN again. A backlog was
// cut to net.core.somaxconn when it was set, and is again.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>

#include "kernel/sock_diag.h"
#include "kernel/socket.h"
#include "resources/kind.h"
#include "resources/sockets/inet_listener.pb.h"

namespace cairn::resources {
namespace {

constexpr int kTcpAoInfo = 40;  // TCP_AO_INFO, 6.7

bool is_tcp(const kernel::SocketType& type) {
  return (type.family == AF_INET || type.family == AF_INET6) && type.type == SOCK_STREAM &&
         type.protocol == IPPROTO_TCP;
}

tcp_info info_of(int fd) {
  std::string bytes = kernel::try_socket_option(fd, IPPROTO_TCP, TCP_INFO, sizeof(tcp_info)).value_or("");
  tcp_info info{};
  std::memcpy(&info, bytes.data(), std::min(bytes.size(), sizeof(info)));
  return info;
}

// Inodes of all sockets with TCP-MD5 keys, which sock_diag shows to the privileged.
struct SignedSockets {
  std::map<uint32_t, bool> by_inode;
  SignedSockets() {
    for (int family : {AF_INET, AF_INET6}) {
      for (const auto& socket : kernel::dump_inet_sockets(family, IPPROTO_TCP)) {
        if (socket.signed_segments) by_inode[socket.inode] = true;
      }
    }
  }
};

bool flag(int fd, int level, int option) {
  return kernel::try_socket_option_as<int>(fd, level, option).value_or(0) != 0;
}

std::string text_of(std::string value) {
  value.resize(std::min(value.find('\0'), value.size()));
  return value;
}

class InetListenerKind final : public DescriptionKind<image::InetListener> {
 public:
  // A socket whose connection has ended is in state CLOSE too, but shut down (POLLRDHUP) or in error.
  bool recognises(const DescriptionView& view) const override {
    if (!view.link().starts_with("socket:[") || !is_tcp(kernel::socket_type(view.fd()))) return false;
    int state = info_of(view.fd()).tcpi_state;
    return state == TCP_LISTEN ||
           (state == TCP_CLOSE && (kernel::poll_now(view.fd(), POLLRDHUP) & (POLLRDHUP | POLLERR)) == 0);
  }

  image::InetListener describe(DescribeContext& context, const DescriptionView& view) const override {
    image::InetListener state;
    kernel::SocketAddress name = kernel::socket_name(view.fd());
    state.set_ipv6(name.family() == AF_INET6);
    if (name.port() != 0 || !name.is_any()) {
      state.set_address(name.inet_address());
      state.set_port(name.port());
      if (name.scope() != 0) state.set_scope(name.scope());
    }
    describe_rights(view, state);
    tcp_info info = info_of(view.fd());
    state.set_listening(info.tcpi_state == TCP_LISTEN);
    if (state.listening()) {
      state.set_backlog(info.tcpi_sacked);
      if (info.tcpi_unacked != 0) {
        context.obstacle(fmt::format("{} connections wait at {} to be accepted", info.tcpi_unacked, name.text()),
                         "again: the program will accept them", "connections that wait to be accepted");
      }
    }
    refuse_keys(context, view);
    return state;
  }

  OwnedFd create(RestoreContext&, const image::InetListener& state) const override {
    OwnedFd fd = make(state);
    if (state.has_address()) {
      int result = kernel::try_bind(fd.get(), address_of(state));
      if (result == -EADDRINUSE && !state.reuse_address()) {
        // Connections of the past (TIME_WAIT) may be in the way; the option gets its own value back afterwards.
        kernel::set_socket_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
        result = kernel::try_bind(fd.get(), address_of(state));
      }
      if (result < 0) throw Error::system(fmt::format("bind {}", address_of(state).text()), -result);
    }
    if (state.listening()) kernel::listen(fd.get(), static_cast<int>(state.backlog()));
    return fd;
  }

  void check(CheckContext& context, const image::InetListener& state) const override {
    if (!state.has_address()) return;
    Precondition precondition{.object = fmt::format("tcp {}", address_of(state).text()),
                              .needed = "can be bound to",
                              .met = true,
                              .found = ""};
    try {
      OwnedFd fd = make(state);
      kernel::set_socket_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
      kernel::bind(fd.get(), address_of(state));
    } catch (const Error& error) {
      precondition.met = false;
      precondition.found = error.text();
    }
    context.add(std::move(precondition));
  }

 private:
  static void describe_rights(const DescriptionView& view, image::InetListener& state) {
    int fd = view.fd();
    state.set_user(view.stat().st_uid);
    state.set_device(text_of(kernel::try_socket_option(fd, SOL_SOCKET, SO_BINDTODEVICE).value_or("")));
    state.set_reuse_address(flag(fd, SOL_SOCKET, SO_REUSEADDR));
    state.set_reuse_port(flag(fd, SOL_SOCKET, SO_REUSEPORT));
    state.set_any_address(flag(fd, IPPROTO_IP, IP_FREEBIND));
    state.set_transparent(flag(fd, IPPROTO_IP, IP_TRANSPARENT));
    if (state.ipv6()) state.set_ipv6_only(flag(fd, IPPROTO_IPV6, IPV6_V6ONLY));
  }

  static void refuse_keys(DescribeContext& context, const DescriptionView& view) {
    bool is_signed = context.once<SignedSockets>().by_inode.contains(static_cast<uint32_t>(view.stat().st_ino));
    if (is_signed || kernel::try_socket_option(view.fd(), IPPROTO_TCP, kTcpAoInfo)) {
      context.obstacle("it has keys for signed segments (TCP_MD5SIG or TCP_AO), which can't be read",
                       "remove the keys, or close the socket", "tcp keys");
    }
  }

  static kernel::SocketAddress address_of(const image::InetListener& state) {
    return kernel::SocketAddress::inet(state.address(), static_cast<uint16_t>(state.port()), state.scope());
  }

  // Ready to be bound.
  static OwnedFd make(const image::InetListener& state) {
    OwnedFd fd = kernel::make_socket({state.ipv6() ? AF_INET6 : AF_INET, SOCK_STREAM, IPPROTO_TCP});
    auto set_if = [&](bool wanted, int level, int option) {
      if (wanted) kernel::set_socket_option(fd.get(), level, option, 1);
    };
    // A port is shared (SO_REUSEPORT) by sockets of one owner only.
    if (state.user() != kernel::fstat(fd.get()).st_uid)
      kernel::set_socket_owner(fd.get(), state.user(), static_cast<gid_t>(-1));
    set_if(state.reuse_address(), SOL_SOCKET, SO_REUSEADDR);
    set_if(state.reuse_port(), SOL_SOCKET, SO_REUSEPORT);
    set_if(state.any_address(), IPPROTO_IP, IP_FREEBIND);
    set_if(state.transparent(), IPPROTO_IP, IP_TRANSPARENT);
    set_if(state.has_address() && state.port() == 0, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    if (state.ipv6()) kernel::set_socket_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, state.ipv6_only() ? 1 : 0);
    if (!state.device().empty()) {
      int result = kernel::try_set_socket_option(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, state.device());
      if (result < 0) throw Error::system(fmt::format("bind to interface {}", state.device()), -result);
    }
    return fd;
  }
};

}  // namespace

const Kind& inet_listener_kind() {
  static const InetListenerKind kKind;
  return kKind;
}

}  // namespace cairn::resources
