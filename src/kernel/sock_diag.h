// All sockets of our network namespace as NETLINK_SOCK_DIAG tells them (sock_diag(7)): the peers of unix sockets and
// the states of queues are shown nowhere else. Parsing is pure: bytes in, structs out; unknown attributes are skipped,
// a message that is too short is an Error.
//
// Netlink's framing is a few lines, and a library for it would make its calls outside of the seam.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernel/socket_address.h"

namespace cairn::kernel {

// One unix socket.
struct UnixSocketInfo {
  uint32_t inode = 0;             // 0: no process holds it (not accepted yet, or being closed)
  int type = 0;                   // SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET
  int state = 0;                  // TCP_ESTABLISHED, TCP_LISTEN, TCP_CLOSE
  std::string name;               // as SocketAddress::unix_name()
  std::optional<uint32_t> peer;   // inode of the peer, 0 when that has none
  std::vector<uint32_t> waiting;  // of a listener: the clients that it has not accepted, oldest first
  uint32_t receive_queue = 0;     // bytes to be read; of a listener, connections to be accepted
  uint32_t send_queue = 0;        // memory of what the peer has not read; of a listener, its backlog
  int shutdown = 0;               // RCV_SHUTDOWN 1, SEND_SHUTDOWN 2
};

// One inet or inet6 socket.
struct InetSocketInfo {
  int family = 0;
  int state = 0;  // TCP_ESTABLISHED ...
  SocketAddress local, remote;
  uint32_t interface = 0;
  uint32_t receive_queue = 0, send_queue = 0;  // of a listener: connections to be accepted, backlog
  uint32_t user = 0;
  uint32_t inode = 0;
  std::array<uint32_t, 2> cookie{};  // what makes this one different from others of the same addresses
  int shutdown = 0;
  bool signed_segments = false;  // has TCP MD5 keys (shown to CAP_NET_ADMIN)
};

std::vector<UnixSocketInfo> dump_unix_sockets();
std::vector<InetSocketInfo> dump_inet_sockets(int family, int protocol);
// Ends the TIME_WAIT of a past connection (CONFIG_INET_DIAG_DESTROY, CAP_NET_ADMIN; for TIME_WAIT 5.19), of which
// nobody hears. 0 or a negative errno value. REQUIRES: it is the one that a dump has just shown in that state.
int try_end_time_wait(const InetSocketInfo& past);

// The parsers: the payload of one netlink message (what follows nlmsghdr).
UnixSocketInfo parse_unix_socket(std::span<const std::byte> payload);
InetSocketInfo parse_inet_socket(std::span<const std::byte> payload);
// Calls `visit` for each SOCK_DIAG_BY_FAMILY message in what was received. False when the end of the dump (NLMSG_DONE)
// was among it. An NLMSG_ERROR is an Error.
bool for_each_diag_message(std::span<const std::byte> received,
                           const std::function<void(std::span<const std::byte> payload)>& visit);
// "ESTABLISHED" of TCP_ESTABLISHED.
std::string tcp_state_name(int state);

}  // namespace cairn::kernel
