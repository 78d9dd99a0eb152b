// unix(7): stream, datagram and seqpacket sockets: pairs, listeners, connections, bound and connected datagram sockets,
// with what is in their queues. Peers, backlogs and half-closed states come from sock_diag(7), names from
// getsockname(2), messages from MSG_PEEK under SO_PEEK_OFF (a toggle), nothing from the task.
//
// What the kernel stamps when a call is made (SO_PEERCRED, SO_PEERGROUPS: who made a pair, who listens, who connected)
// is stamped again by that process, which makes the call while it is bare. A maker that has gone or is outside the tree
// can't: then the stamp names cairn, a limit that is told nowhere but here and in docs/limits.md.
//
// A connection is made through a listener of its own, which has the name for that moment: the node of a path in a file
// system that nobody sees, an abstract name before the real listener takes it.
//
// Refused: a peer outside the tree (named), connections that wait to be accepted and have brought data (only who
// accepts them can read it), out-of-band bytes, time stamps of queued datagrams, credentials in flight of a process
// outside, names that can't be traced, other network namespaces. A stream does not tell where among unread bytes
// descriptors stand; the memory that the kernel counts for the sender does when they came alone. It also tells of empty
// messages that can't be peeked at twice (kernel/socket_queue.h), but not where datagrams can come from several
// senders.
#include "resources/sockets/unix_socket.h"

#include "kernel/socket.h"

namespace cairn::resources {
namespace {

class UnixSocketKind final : public DescriptionKind<image::UnixSocket> {
 public:
  bool recognises(const DescriptionView& view) const override {
    return view.link().starts_with("socket:[") && kernel::socket_option(view.fd(), SOL_SOCKET, SO_DOMAIN) == AF_UNIX;
  }
  image::UnixSocket describe(DescribeContext& context, const DescriptionView& view) const override {
    return describe_unix_socket(context, view);
  }
  OwnedFd create(RestoreContext& context, const image::UnixSocket& state) const override {
    return create_unix_socket(context, state);
  }
  void connect(RestoreContext& context, const image::UnixSocket& state, int fd) const override {
    connect_unix_socket(context, state, fd);
  }
  void check(CheckContext& context, const image::UnixSocket& state) const override {
    check_unix_socket(context, state);
  }
};

}  // namespace

const Kind& unix_socket_kind() {
  static const UnixSocketKind kKind;
  return kKind;
}

}  // namespace cairn::resources
