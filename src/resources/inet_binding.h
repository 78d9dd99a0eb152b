// Where an inet socket is bound: what the kinds of inet sockets have in common.
#pragma once

#include "resources/inet_binding.pb.h"
#include "resources/kind.h"

namespace cairn::resources {

image::InetBinding describe_binding(const DescriptionView& view);
// A socket of this type (SOCK_STREAM ...) and protocol with this binding.
OwnedFd make_bound(const image::InetBinding& binding, int type, int protocol);
// Adds whether that can be done here.
void check_binding(CheckContext& context, const image::InetBinding& binding, int type, int protocol);

}  // namespace cairn::resources
