// A connection of tcp(7), as its socket tells it and as it is built without a word on the wire: TCP_REPAIR (3.5), which
// needs CAP_NET_ADMIN in the user namespace that owns the network namespace.
//
// In repair mode a socket keeps its place among the connections, takes segments and runs its timers as ever, but its
// queues can be asked for, connect(2) says nothing, and so does close(2). Entering the mode sets SO_REUSEADDR to 2
// (SK_FORCE_REUSE: bind(2) ignores conflicts) and leaving it sets that to 0, so the caller puts it back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/socket.h"

namespace cairn::kernel {

bool is_tcp(const SocketType& type);

struct TcpInfo {
  int state = 0;  // TCP_ESTABLISHED ...
  bool time_stamps = false, selective = false, scaling = false;
  uint32_t send_scale = 0, receive_scale = 0;
  // Of a listener: connections that wait to be accepted, backlog.
  uint32_t waiting = 0, backlog = 0;
};
TcpInfo tcp_info(int fd);
// A tcp socket that is connected, or on its way, or whose connection has ended: neither a listener nor a fresh one.
bool is_tcp_connection(int fd);

// Whether we may use the mode at all; tried on a socket of our own.
bool can_repair_tcp();
constexpr int kLeaveRepairSilently = -1;  // TCP_REPAIR_OFF_NO_WP, 4.18: without a window probe to the peer
void enter_tcp_repair(int fd);
// `reuse_address`: the value of SO_REUSEADDR.
void leave_tcp_repair(int fd, bool reuse_address);

// All below REQUIRE repair mode.
enum class TcpQueue { kNone = 0, kReceive = 1, kSend = 2 };  // TCP_NO_QUEUE ...
// The sequence number behind the last byte of a queue: rcv_nxt, write_seq. A FIN counts as one.
uint32_t tcp_sequence(int fd, TcpQueue queue);
void set_tcp_sequence(int fd, TcpQueue queue, uint32_t number);  // before connect(2)
// What can be read, up to urgent data; or what has not been acknowledged, sent or not. REQUIRES: SO_PEEK_OFF is -1 or
// 0.
std::string peek_tcp_queue(int fd, TcpQueue queue);
void fill_tcp_receive_queue(int fd, std::string_view data);

struct TcpWindow {
  uint32_t send_update = 0, send = 0, largest_send = 0;  // snd_wl1, snd_wnd, max_window
  uint32_t receive = 0, receive_update = 0;              // rcv_wnd, rcv_wup
};
TcpWindow tcp_window(int fd);
void set_tcp_window(int fd, const TcpWindow& window);

// What the two sides have agreed upon when they connected.
struct TcpAgreement {
  uint32_t largest_segment = 0;
  bool time_stamps = false, selective = false, scaling = false;
  uint32_t send_scale = 0, receive_scale = 0;
};
void set_tcp_agreement(int fd, const TcpAgreement& agreement);

// The receive queue of a socket that is not in repair mode.
std::string peek_tcp_unread(int fd);
// The size of segments follows from window and agreement only when the kernel has a reason to look again: setting the
// IP options is one (icsk_sync_mss), to what they are already.
void settle_tcp_segment_size(int fd);

}  // namespace cairn::kernel
