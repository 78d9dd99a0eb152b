// Every socket that no other kind recognises, so that it is refused by what it is, where it is bound and whom it is
// connected to: raw, packet, netlink sockets and the rarer families.
#include <algorithm>

#include "kernel/socket.h"
#include "resources/registry.h"
#include "resources/sockets/unsupported_socket.pb.h"

namespace cairn::resources {
namespace {

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
    context.obstacle(fmt::format("it is a {} socket{}, which can't be kept yet", type.text(), address_text(view.fd())),
                     "close it before the checkpoint", "sockets that can't be kept yet");
    state.set_text(type.text());
    return state;
  }

  OwnedFd create(RestoreContext&, const image::UnsupportedSocket& state) const override {
    throw Error(fmt::format("a {} socket can't be restored", state.text()), Failure::kDamagedImage);
  }
};

}  // namespace

const Kind& unsupported_socket_kind() {
  static const UnsupportedSocketKind kKind;
  return kKind;
}

}  // namespace cairn::resources
