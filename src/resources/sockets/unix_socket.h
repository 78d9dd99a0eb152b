// The two halves of the kind unix_socket; see unix_socket.cc.
#pragma once

#include "resources/kind.h"
#include "resources/sockets/unix_socket.pb.h"

namespace cairn::resources {

constexpr int kReceiveShutdown = 1, kSendShutdown = 2;  // RCV_SHUTDOWN, SEND_SHUTDOWN of include/net/sock.h

image::UnixSocket describe_unix_socket(DescribeContext& context, const DescriptionView& view);

OwnedFd create_unix_socket(RestoreContext& context, const image::UnixSocket& state);
void connect_unix_socket(RestoreContext& context, const image::UnixSocket& state, int fd);
void check_unix_socket(CheckContext& context, const image::UnixSocket& state);

}  // namespace cairn::resources
