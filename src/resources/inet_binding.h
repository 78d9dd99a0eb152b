// Where an inet socket is bound: what the kinds of inet sockets have in common.
#pragma once

#include "kernel/socket_address.h"
#include "resources/inet_binding.pb.h"
#include "resources/kind.h"

namespace cairn::resources {

image::InetBinding describe_binding(const DescriptionView& view);
// A socket of this type (SOCK_STREAM ...) and protocol that is ready to be bound, and where.
OwnedFd make_unbound(const image::InetBinding& binding, int type, int protocol);
kernel::SocketAddress address_of(const image::InetBinding& binding);
// One with this binding.
OwnedFd make_bound(const image::InetBinding& binding, int type, int protocol);
// Adds whether that can be done here.
void check_binding(CheckContext& context, const image::InetBinding& binding, int type, int protocol);

}  // namespace cairn::resources
