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
#include "resources/inet_binding.h"
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
    *state.mutable_binding() = describe_binding(view);
    tcp_info info = info_of(view.fd());
    state.set_listening(info.tcpi_state == TCP_LISTEN);
    if (state.listening()) {
      state.set_backlog(info.tcpi_sacked);
      if (info.tcpi_unacked != 0) {
        context.passing_obstacle(fmt::format("{} connections wait at {} to be accepted", info.tcpi_unacked,
                                             kernel::socket_name(view.fd()).text()),
                                 "again: the program will accept them", "connections that wait to be accepted");
      }
    }
    refuse_keys(context, view);
    return state;
  }

  OwnedFd create(RestoreContext&, const image::InetListener& state) const override {
    OwnedFd fd = make_bound(state.binding(), SOCK_STREAM, IPPROTO_TCP);
    if (state.listening()) kernel::listen(fd.get(), static_cast<int>(state.backlog()));
    return fd;
  }

  void check(CheckContext& context, const image::InetListener& state) const override {
    check_binding(context, state.binding(), SOCK_STREAM, IPPROTO_TCP);
  }

 private:
  static void refuse_keys(DescribeContext& context, const DescriptionView& view) {
    bool is_signed = context.once<SignedSockets>().by_inode.contains(static_cast<uint32_t>(view.stat().st_ino));
    if (is_signed || kernel::try_socket_option(view.fd(), IPPROTO_TCP, kTcpAoInfo)) {
      context.obstacle("it has keys for signed segments (TCP_MD5SIG or TCP_AO), which can't be read",
                       "remove the keys, or close the socket", "tcp keys");
    }
  }
};

}  // namespace

const Kind& inet_listener_kind() {
  static const InetListenerKind kKind;
  return kKind;
}

}  // namespace cairn::resources
