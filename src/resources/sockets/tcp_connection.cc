// tcp(7), connected: with the other end in the tree too, or closed; on its way (SYN_SENT); or with a connection that
// has ended, perhaps with something left to read. IPv4, IPv6, and IPv4 mapped to IPv6.
//
// Described when all is known: states and addresses come from sock_diag, the queues from MSG_PEEK, the rest from
// TCP_REPAIR, which one pair of ends at a time enters and leaves (tcp_connection_describe.cc). Of a pair the sender's
// queue is looked at first: what the receiver has is then left out of it, so that between the two nothing is on its
// way. Made again in repair mode, so that nobody hears of it; when both ends are complete they leave the mode, what was
// not received is sent anew, and shutdown(2) in the right order leads to the states that repair can't set
// (tcp_connection_restore.cc).
//
// Not kept: congestion window, round trip times, the port's being the kernel's choice; that a byte not received yet is
// urgent, which shows nowhere. TIME_WAIT has no socket: what the past keeps of a connection ends when it is made again.
// A peer outside the tree is refused, waited for or given up, as the user chooses (outside_peers.h).
// Refused: anything without CAP_NET_ADMIN, a socket in repair mode, connected to itself, with
// keys for signed segments. Awaited: urgent bytes, errors not seen yet, ends that are just being closed or connected.
#include "resources/sockets/tcp_connection.h"

#include "kernel/tcp.h"

namespace cairn::resources {
namespace {

class TcpConnectionKind final : public DescriptionKind<image::TcpConnection> {
 public:
  bool recognises(const DescriptionView& view) const override {
    return view.link().starts_with("socket:[") && kernel::is_tcp(kernel::socket_type(view.fd())) &&
           kernel::is_tcp_connection(view.fd());
  }
  image::TcpConnection describe(DescribeContext& context, const DescriptionView& view) const override {
    return describe_tcp_connection(context, view);
  }
  OwnedFd create(RestoreContext& context, const image::TcpConnection& state) const override {
    return create_tcp_connection(context, state);
  }
  void seal(RestoreContext& context, const image::TcpConnection& state, int fd) const override {
    revive_tcp_connection(context, state, fd);
  }
  void check(CheckContext& context, const image::TcpConnection& state) const override {
    check_tcp_connection(context, state);
  }
};

}  // namespace

const Kind& tcp_connection_kind() {
  static const TcpConnectionKind kKind;
  return kKind;
}

}  // namespace cairn::resources
