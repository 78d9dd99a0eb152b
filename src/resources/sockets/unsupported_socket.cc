// Every socket that no other kind recognises, so that it is refused by what it is, where it is bound and whom it is
// connected to: tcp connections, raw, packet, netlink sockets and the rarer families.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>

#include "kernel/sock_diag.h"
#include "kernel/socket.h"
#include "resources/registry.h"
#include "resources/sockets/unsupported_socket.pb.h"

namespace cairn::resources {
namespace {

bool is_tcp(const kernel::SocketType& type) {
  return (type.family == AF_INET || type.family == AF_INET6) && type.protocol == IPPROTO_TCP;
}

struct TcpSockets {
  std::vector<kernel::InetSocketInfo> all;
  TcpSockets() {
    for (int family : {AF_INET, AF_INET6}) {
      for (const auto& socket : kernel::dump_inet_sockets(family, IPPROTO_TCP)) all.push_back(socket);
    }
  }
  const kernel::InetSocketInfo* find(const kernel::SocketAddress& local, const kernel::SocketAddress& remote) const {
    auto place = std::find_if(all.begin(), all.end(),
                              [&](const auto& socket) { return socket.local == local && socket.remote == remote; });
    return place == all.end() ? nullptr : &*place;
  }
};

std::string peer_text(DescribeContext& context, const kernel::SocketAddress& name, const kernel::SocketAddress& peer) {
  const kernel::InetSocketInfo* other = context.once<TcpSockets>().find(peer, name);
  if (other == nullptr) return "; the peer is not on this host";
  if (other->inode == 0) return "; the peer has closed it";
  if (auto holder = context.outside().holder_of(fmt::format("socket:[{}]", other->inode)))
    return fmt::format("; the peer is {}", holder->text());
  return "; the peer is in this tree";
}

std::string address_text(int fd) {
  kernel::SocketAddress name = kernel::socket_name(fd);
  std::string text;
  if (!name.empty()) text += fmt::format(" at {}", name.text());
  if (auto peer = kernel::try_peer_name(fd)) text += fmt::format(" connected to {}", peer->text());
  return text;
}

class UnsupportedSocketKind final : public DescriptionKind<image::UnsupportedSocket> {
 public:
  bool recognises(const DescriptionView& view) const override {
    if (!view.link().starts_with("socket:[")) return false;
    const auto& kinds = description_kinds();
    return std::none_of(kinds.begin(), kinds.end(),
                        [&](const auto& kind) { return kind.kind != this && kind.face->recognises(view); });
  }

  image::UnsupportedSocket describe(DescribeContext& context, const DescriptionView& view) const override {
    image::UnsupportedSocket state;
    kernel::SocketType type = kernel::socket_type(view.fd());
    if (is_tcp(type)) {
      refuse_connection(context, view.fd());
    } else {
      context.obstacle(
          fmt::format("it is a {} socket{}, which can't be kept yet", type.text(), address_text(view.fd())),
          "close it before the checkpoint", "sockets that can't be kept yet");
    }
    state.set_text(type.text());
    return state;
  }

  OwnedFd create(RestoreContext&, const image::UnsupportedSocket& state) const override {
    throw Error(fmt::format("a {} socket can't be restored", state.text()), Failure::kDamagedImage);
  }

 private:
  static void refuse_connection(DescribeContext& context, int fd) {
    std::string info = kernel::try_socket_option(fd, IPPROTO_TCP, TCP_INFO, sizeof(tcp_info)).value_or("");
    int tcp_state = info.empty() ? 0 : static_cast<unsigned char>(info.front());
    kernel::SocketAddress name = kernel::socket_name(fd);
    auto peer = kernel::try_peer_name(fd);
    std::string reason =
        peer ? fmt::format("it is a tcp connection from {} to {} in state {}{}", name.text(), peer->text(),
                           kernel::tcp_state_name(tcp_state), peer_text(context, name, *peer))
             : fmt::format("it is a tcp socket at {} in state {}, whose connection has ended or is being made",
                           name.text(), kernel::tcp_state_name(tcp_state));
    context.obstacle(std::move(reason), "close the connection before the checkpoint", "tcp connections");
  }
};

}  // namespace

const Kind& unsupported_socket_kind() {
  static const UnsupportedSocketKind kKind;
  return kKind;
}

}  // namespace cairn::resources
