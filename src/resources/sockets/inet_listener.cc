// tcp(7) without a connection: a socket that listens (IPv4, IPv6), that is bound, or that was only made. State, backlog
// and the number of waiting connections come from TCP_INFO, addresses from getsockname(2).
//
// Refused: connections that nobody has accepted yet (again: the program will accept them), keys of TCP-MD5 and TCP-AO,
// which can't be read. Half-open connections (SYN received) are let go: the client sends its SYN again. A backlog was
// cut to net.core.somaxconn when it was set, and is again.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "kernel/socket.h"
#include "kernel/tcp.h"
#include "resources/inet_binding.h"
#include "resources/kind.h"
#include "resources/sockets/inet_listener.pb.h"
#include "resources/tcp_sockets.h"

namespace cairn::resources {
namespace {

class InetListenerKind final : public DescriptionKind<image::InetListener> {
 public:
  bool recognises(const DescriptionView& view) const override {
    return view.link().starts_with("socket:[") && kernel::is_tcp(kernel::socket_type(view.fd())) &&
           !kernel::is_tcp_connection(view.fd());
  }

  image::InetListener describe(DescribeContext& context, const DescriptionView& view) const override {
    image::InetListener state;
    *state.mutable_binding() = describe_binding(view);
    context.once<BoundTcpSockets>().by_port.emplace(state.binding().port(), view.record());
    kernel::TcpInfo info = kernel::tcp_info(view.fd());
    state.set_listening(info.state == TCP_LISTEN);
    if (state.listening()) {
      state.set_backlog(info.backlog);
      if (info.waiting != 0) {
        context.passing_obstacle(fmt::format("{} connections wait at {} to be accepted", info.waiting,
                                             kernel::socket_name(view.fd()).text()),
                                 "again: the program will accept them", "connections that wait to be accepted");
      }
    }
    refuse_tcp_keys(context, view);
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
};

}  // namespace

const Kind& inet_listener_kind() {
  static const InetListenerKind kKind;
  return kKind;
}

}  // namespace cairn::resources
