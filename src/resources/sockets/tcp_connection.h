// The two halves of the kind tcp_connection; see tcp_connection.cc.
#pragma once

#include "resources/kind.h"
#include "resources/sockets/tcp_connection.pb.h"

namespace cairn::resources {

constexpr int kReceiveShutdown = 1, kSendShutdown = 2;  // RCV_SHUTDOWN, SEND_SHUTDOWN of include/net/sock.h

// Whether an end in this state has sent a FIN (behind its data), or received the other's.
inline bool has_sent_end(image::TcpConnection::State state) {
  using image::TcpConnection;
  return state == TcpConnection::FIN_WAIT1 || state == TcpConnection::FIN_WAIT2 || state == TcpConnection::CLOSING ||
         state == TcpConnection::LAST_ACK;
}
inline bool has_received_end(image::TcpConnection::State state) {
  using image::TcpConnection;
  return state == TcpConnection::CLOSE_WAIT || state == TcpConnection::CLOSING || state == TcpConnection::LAST_ACK;
}

image::TcpConnection describe_tcp_connection(DescribeContext& context, const DescriptionView& view);

OwnedFd create_tcp_connection(RestoreContext& context, const image::TcpConnection& state);
void revive_tcp_connection(RestoreContext& context, const image::TcpConnection& state, int fd);
void check_tcp_connection(CheckContext& context, const image::TcpConnection& state);

}  // namespace cairn::resources
