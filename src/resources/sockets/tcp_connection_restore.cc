// Making tcp connections again: each end in repair mode, then both ends brought to life together.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <climits>
#include <map>
#include <set>
#include <thread>

#include "kernel/socket_queue.h"
#include "kernel/tcp.h"
#include "resources/inet_binding.h"
#include "resources/sockets/tcp_connection.h"
#include "resources/tcp_sockets.h"

namespace cairn::resources {
namespace {

using image::InetBinding;
using image::TcpConnection;
using kernel::SocketAddress;
using kernel::TcpQueue;

// Where an end that was closed would be: ours for as long as it takes to close it again.
constexpr uint32_t kStandInSequence = 1;
constexpr uint32_t kStandInWindow = 0xffff;

struct Ends {
  std::set<const TcpConnection*> complete;            // wait for the other end
  std::map<const TcpConnection*, OwnedFd> stand_ins;  // by the end that has lost its peer
};

const TcpConnection* peer_of(const graph::RecordSet& records, const TcpConnection& state) {
  return state.peer().id() == 0 ? nullptr : &records.state<TcpConnection>({state.peer().id()});
}

SocketAddress peer_address_of(const TcpConnection& state) {
  return SocketAddress::inet(state.peer_address(), static_cast<uint16_t>(state.peer_port()), state.peer_scope());
}

// --- Connecting in silence.

struct Sequences {
  uint32_t send = kStandInSequence, receive = kStandInSequence;
};

// In repair mode, and bound.
OwnedFd bind_in_repair(const InetBinding& binding, const Sequences& sequences) {
  OwnedFd fd = make_unbound(binding, SOCK_STREAM, IPPROTO_TCP);
  kernel::enter_tcp_repair(fd.get());
  kernel::set_tcp_sequence(fd.get(), TcpQueue::kSend, sequences.send);
  kernel::set_tcp_sequence(fd.get(), TcpQueue::kReceive, sequences.receive);
  kernel::bind(fd.get(), address_of(binding));
  return fd;
}

// The kernel lets a connection in TIME_WAIT be made again when it had time stamps, else it is in the way.
void connect_in_repair(int fd, const SocketAddress& local, const SocketAddress& peer) {
  int result = kernel::try_connect(fd, peer);
  if (result == -EADDRNOTAVAIL && end_past_connections(local, peer)) result = kernel::try_connect(fd, peer);
  if (result == -EADDRNOTAVAIL) throw Error(fmt::format("{} is connected to {} already", local.text(), peer.text()));
  if (result < 0) throw Error::system(fmt::format("connect {} to {}", local.text(), peer.text()), -result);
}

Sequences sequences_of(const TcpConnection& state, const TcpConnection* peer) {
  return {.send = peer ? peer->receive_sequence() : kStandInSequence,
          .receive = state.receive_sequence() - static_cast<uint32_t>(state.unread().size())};
}

InetBinding stand_in_binding(const TcpConnection& state) {
  InetBinding binding;
  binding.set_ipv6(state.binding().ipv6());
  binding.set_user(state.binding().user());
  binding.set_device(state.binding().device());
  bool has_peer = state.has_peer_address();
  binding.set_address(has_peer ? state.peer_address() : state.binding().address());
  binding.set_port(has_peer ? state.peer_port() : 0);
  binding.set_scope(has_peer ? state.peer_scope() : state.binding().scope());
  return binding;
}

OwnedFd make_stand_in(const TcpConnection& state) {
  OwnedFd fd = bind_in_repair(stand_in_binding(state), {.send = state.receive_sequence(), .receive = kStandInSequence});
  connect_in_repair(fd.get(), kernel::socket_name(fd.get()), address_of(state.binding()));
  kernel::set_tcp_window(fd.get(), {.send_update = 0,
                                    .send = kStandInWindow,
                                    .largest_send = kStandInWindow,
                                    .receive = kStandInWindow,
                                    .receive_update = kStandInSequence});
  return fd;
}

void agree(int fd, const TcpConnection& state) {
  if (state.largest_segment() == 0) return;  // nothing is left of it
  kernel::set_tcp_agreement(fd, {.largest_segment = state.largest_segment(),
                                 .time_stamps = state.time_stamps(),
                                 .selective = state.selective(),
                                 .scaling = state.has_scaling(),
                                 .send_scale = state.scaling().send(),
                                 .receive_scale = state.scaling().receive()});
  if (state.time_stamps())
    kernel::set_socket_option(fd, IPPROTO_TCP, TCP_TIMESTAMP, static_cast<int>(state.time_stamp()));
}

// --- Coming to life.

struct End {
  const TcpConnection* state;
  int fd;
};

// What the other end takes. Of a FIN that it has, one place has gone, which its sender need not learn to have had.
uint32_t window_towards(const TcpConnection& other, const TcpConnection& state) {
  uint32_t window = other.receive_window();
  return has_received_end(other.state()) ? std::min(window, state.largest_window()) : window;
}

// In repair mode still.
void complete(const End& end, uint32_t send_window) {
  {
    kernel::RoomyBuffer room(end.fd, SO_RCVBUF);
    kernel::fill_tcp_receive_queue(end.fd, end.state->unread());
  }
  uint32_t next = end.state->receive_sequence();
  kernel::set_tcp_window(end.fd, {.send_update = next - 1,
                                  .send = send_window,
                                  .largest_send = std::max(end.state->largest_window(), send_window),
                                  .receive = end.state->receive_window(),
                                  .receive_update = next});
  kernel::settle_tcp_segment_size(end.fd);
}

void send_unsent(const End& end) {
  if (end.state->unsent().empty()) return;
  kernel::RoomySendBuffer room(end.fd);
  int most = kernel::socket_option(end.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT);
  kernel::set_socket_option(end.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, INT_MAX);
  kernel::send_message(end.fd, {.data = end.state->unsent()});
  kernel::set_socket_option(end.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, most);
}

// The end that was the first to say that it has nothing more to send comes first. Where only one FIN could be
// delivered, the states tell: CLOSING received the other's while its own was stuck behind data, LAST_ACK sent its own
// after it.
int rank(const End& end) {
  switch (end.state->state()) {
    case TcpConnection::FIN_WAIT2:
      return 1;
    case TcpConnection::LAST_ACK:
      return 2;
    default:
      return 0;
  }
}

// What was put into the queue in repair mode has woken nobody: setting this option does.
void tell_of_unread(const End& end) {
  if (end.state->unread().empty()) return;
  int least = kernel::socket_option(end.fd, SOL_SOCKET, SO_RCVLOWAT);
  kernel::set_socket_option(end.fd, SOL_SOCKET, SO_RCVLOWAT, least);
}

// shutdown(2) for reading says nothing to the other end.
void stop_reading(const End& end) {
  bool is_shut = (end.state->shutdown() & kReceiveShutdown) != 0;
  if (is_shut && !has_received_end(end.state->state())) kernel::shutdown(end.fd, SHUT_RD);
}

void revive_pair(std::array<End, 2> ends) {
  for (size_t i : {0, 1}) complete(ends[i], window_towards(*ends[1 - i].state, *ends[i].state));
  for (const End& end : ends) kernel::leave_tcp_repair(end.fd, end.state->binding().reuse_address());
  std::ranges::stable_sort(ends, {}, rank);
  for (const End& end : ends) send_unsent(end);
  for (const End& end : ends)
    if (has_sent_end(end.state->state())) kernel::shutdown(end.fd, SHUT_WR);
  for (const End& end : ends) tell_of_unread(end);
  for (const End& end : ends) stop_reading(end);
}

// Segments on the loopback may wait for a processor.
void wait_for_state(int fd, int state) {
  constexpr int kTries = 2000;
  for (int n = 0; kernel::tcp_info(fd).state != state; ++n) {
    if (n == kTries)
      throw Error(fmt::format("a tcp connection did not come to state {}", kernel::tcp_state_name(state)));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// To close without waiting for anything is to reset.
void reset(const End& end, OwnedFd stand_in) {
  linger at_once{.l_onoff = 1, .l_linger = 0};
  int result = kernel::try_set_socket_option(stand_in.get(), SOL_SOCKET, SO_LINGER,
                                             {reinterpret_cast<const char*>(&at_once), sizeof(at_once)});
  if (result < 0) throw Error::system("set SO_LINGER", -result);
  stand_in.reset();
  wait_for_state(end.fd, TCP_CLOSE);
}

// The stand-in says that it is done and goes in silence; of an ended connection this end said so too.
void revive_widowed(const End& end, OwnedFd stand_in) {
  complete(end, kStandInWindow);
  kernel::leave_tcp_repair(stand_in.get(), false);
  kernel::leave_tcp_repair(end.fd, end.state->binding().reuse_address());
  if (end.state->reset()) return reset(end, std::move(stand_in));
  kernel::shutdown(stand_in.get(), SHUT_WR);
  wait_for_state(stand_in.get(), TCP_FIN_WAIT2);
  if (end.state->state() == TcpConnection::CLOSE) {
    kernel::shutdown(end.fd, SHUT_WR);
    wait_for_state(end.fd, TCP_CLOSE);
  } else {
    kernel::enter_tcp_repair(stand_in.get());
  }
  tell_of_unread(end);
}

// connect(2) must not wait: it goes on by itself.
void set_out(const TcpConnection& state, int fd) {
  int flags = kernel::fcntl(fd, F_GETFL);
  kernel::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  int result = kernel::try_connect(fd, peer_address_of(state));
  kernel::fcntl(fd, F_SETFL, flags);
  if (result < 0 && result != -EINPROGRESS)
    throw Error::system(fmt::format("connect to {}", peer_address_of(state).text()), -result);
}

}  // namespace

OwnedFd create_tcp_connection(RestoreContext& context, const TcpConnection& state) {
  if (state.state() == TcpConnection::SYN_SENT) return make_bound(state.binding(), SOCK_STREAM, IPPROTO_TCP);
  const TcpConnection* peer = peer_of(context.records(), state);
  if (peer != nullptr && peer_of(context.records(), *peer) != &state)
    throw Error("a tcp connection whose other end is connected elsewhere", Failure::kDamagedImage);
  OwnedFd fd = bind_in_repair(state.binding(), sequences_of(state, peer));
  SocketAddress there;
  if (peer == nullptr) {
    OwnedFd stand_in = make_stand_in(state);
    there = kernel::socket_name(stand_in.get());
    context.once<Ends>().stand_ins[&state] = std::move(stand_in);
  } else {
    there = peer_address_of(state);
  }
  connect_in_repair(fd.get(), address_of(state.binding()), there);
  agree(fd.get(), state);
  return fd;
}

void revive_tcp_connection(RestoreContext& context, const TcpConnection& state, int fd) {
  if (state.state() == TcpConnection::SYN_SENT) return set_out(state, fd);
  auto& ends = context.once<Ends>();
  const TcpConnection* peer = peer_of(context.records(), state);
  if (peer == nullptr) return revive_widowed({&state, fd}, std::move(ends.stand_ins.at(&state)));
  if (!ends.complete.contains(peer)) {
    ends.complete.insert(&state);
  } else {
    revive_pair({End{&state, fd}, End{peer, context.fd({state.peer().id()})}});
  }
}

void check_tcp_connection(CheckContext& context, const TcpConnection& state) {
  if (state.state() == TcpConnection::SYN_SENT)
    return check_binding(context, state.binding(), SOCK_STREAM, IPPROTO_TCP);
  SocketAddress local = address_of(state.binding());
  Precondition precondition{
      .object = fmt::format("tcp {}", local.text()), .needed = "can be connected again", .met = true, .found = ""};
  try {
    OwnedFd fd = bind_in_repair(state.binding(), {});
    if (state.has_peer_address()) connect_in_repair(fd.get(), local, peer_address_of(state));
  } catch (const Error& error) {
    precondition.met = false;
    precondition.found = error.text();
  }
  context.add(std::move(precondition));
}

}  // namespace cairn::resources
