// Describing tcp connections: what each end says by itself, and then, when all ends of the tree are known, both ends of
// each connection together.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <map>

#include "kernel/tcp.h"
#include "resources/inet_binding.h"
#include "resources/outside_peers.h"
#include "resources/sockets/tcp_connection.h"
#include "resources/tcp_sockets.h"

namespace cairn::resources {
namespace {

using image::TcpConnection;
using kernel::InetSocketInfo;
using kernel::SocketAddress;
using kernel::TcpQueue;

constexpr const char* kRule = "tcp connections";
constexpr const char* kAgain = "again";
constexpr const char* kClose = "close the connection before the checkpoint";

// An end that is in the tree.
struct Member {
  RecordId record;
  OwnedFd fd;  // a duplicate of our own
  std::string place;
  bool is_linked = false;
};

struct TcpConnections {
  std::map<uint32_t, Member> members;  // by inode, which holds in a checkpoint what was found first
  bool may_repair = kernel::can_repair_tcp();
};

// --- One end by itself.

void refuse_conditions(DescribeContext& context, int fd, TcpConnection::State state) {
  short events = kernel::poll_now(fd, POLLPRI);
  if ((events & POLLPRI) != 0) context.passing_obstacle("an urgent byte is unread", "again: it will be read", kRule);
  if ((events & POLLERR) != 0)
    context.passing_obstacle("an error is pending that the program has not seen", kAgain, kRule);
  if (state != TcpConnection::SYN_SENT && !context.once<TcpConnections>().may_repair) {
    context.obstacle("it is a tcp connection, which only CAP_NET_ADMIN may keep (TCP_REPAIR)",
                     "checkpoint as root, or close the connection", kRule);
  } else if (kernel::try_socket_option_as<int>(fd, IPPROTO_TCP, TCP_REPAIR).value_or(0) != 0) {
    context.obstacle("its program has it in repair mode (TCP_REPAIR)", "let it leave that mode", kRule);
  }
}

// --- Reading.

// TCP_REPAIR for a while; what it does to SO_REUSEADDR is undone after it.
class InRepair {
 public:
  InRepair(DescribeContext& context, int fd, bool reuse_address) {
    if (reuse_address) reuse_ = context.toggle(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    repair_ = context.toggle(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON, kernel::kLeaveRepairSilently);
  }

 private:
  std::unique_ptr<SocketToggle> reuse_, repair_;  // in this order: the last is undone first
};

// For peeking at all; tcp has SO_PEEK_OFF since 6.8.
std::unique_ptr<SocketToggle> peek_from_start(DescribeContext& context, int fd) {
  if (kernel::try_socket_option_as<int>(fd, SOL_SOCKET, SO_PEEK_OFF).value_or(-1) < 0) return nullptr;
  return context.toggle(fd, SOL_SOCKET, SO_PEEK_OFF, 0);
}

// One end while both are read. Segments may still arrive: what is resent, what waited for a timer.
class EndReader {
 public:
  EndReader(DescribeContext& context, Member& member)
      : context_(context),
        member_(member),
        state_(context.records().find(member.record)->as<TcpConnection>()),
        repair_(context, fd(), state_.binding().reuse_address()) {}

  const Member& member() const { return member_; }
  TcpConnection& state() const { return state_; }
  uint32_t send_end() const { return send_end_; }

  void read_sender() {
    state_.set_unsent(kernel::peek_tcp_queue(fd(), TcpQueue::kSend));
    send_end_ = kernel::tcp_sequence(fd(), TcpQueue::kSend) - (has_sent_end(state_.state()) ? 1 : 0);
  }

  // False: something has arrived meanwhile.
  bool read_receiver() {
    uint32_t end = kernel::tcp_sequence(fd(), TcpQueue::kReceive);
    {
      auto offset = peek_from_start(context_, fd());
      state_.set_unread(kernel::peek_tcp_queue(fd(), TcpQueue::kReceive));
    }
    state_.set_receive_sequence(end - (has_received_end(state_.state()) ? 1 : 0));
    kernel::TcpWindow window = kernel::tcp_window(fd());
    uint32_t edge = window.receive_update + window.receive;
    state_.set_receive_window(std::max(static_cast<int32_t>(edge - state_.receive_sequence()), 0));
    state_.set_largest_window(window.largest_send);
    return kernel::tcp_sequence(fd(), TcpQueue::kReceive) == end &&
           kernel::tcp_info(fd()).state == static_cast<int>(state_.state());
  }

  void read_agreement() {
    kernel::TcpInfo info = kernel::tcp_info(fd());
    state_.set_largest_segment(static_cast<uint32_t>(kernel::socket_option(fd(), IPPROTO_TCP, TCP_MAXSEG)));
    state_.set_selective(info.selective);
    state_.set_time_stamps(info.time_stamps);
    if (info.time_stamps)
      state_.set_time_stamp(static_cast<uint32_t>(kernel::socket_option(fd(), IPPROTO_TCP, TCP_TIMESTAMP)));
    if (!info.scaling) return;
    state_.mutable_scaling()->set_send(info.send_scale);
    state_.mutable_scaling()->set_receive(info.receive_scale);
  }

 private:
  int fd() const { return member_.fd.get(); }

  DescribeContext& context_;
  Member& member_;
  TcpConnection& state_;
  InRepair repair_;
  uint32_t send_end_ = 0;
};

// Leaves out what the receiver has. False: that is not the queue from which it came.
bool leave_out_received(const EndReader& sender, const EndReader& receiver) {
  const std::string& queue = sender.state().unsent();
  auto left = static_cast<size_t>(sender.send_end() - receiver.state().receive_sequence());
  if (left > queue.size()) return false;
  sender.state().set_unsent(queue.substr(queue.size() - left));
  return true;
}

// --- All ends.

class Linking {
 public:
  explicit Linking(DescribeContext& context)
      : context_(context), connections_(context.once<TcpConnections>()), sockets_(context.once<TcpSockets>()) {}

  void link_all() {
    for (auto& [inode, member] : connections_.members) {
      if (member.is_linked) continue;
      Place place(context_, member.place);
      member.is_linked = true;
      auto& state = state_of(member);
      add_bound(state.binding().port(), *state.mutable_bound_before());
      link(inode, member, state);
    }
  }

 private:
  TcpConnection& state_of(const Member& member) { return context_.records().find(member.record)->as<TcpConnection>(); }

  template <typename References>
  void add_bound(uint32_t port, References& references) {
    auto [first, last] = context_.once<BoundTcpSockets>().by_port.equal_range(port);
    for (; port != 0 && first != last; ++first) references.Add()->set_id(first->second.value);
  }

  void link(uint32_t inode, Member& member, TcpConnection& state) {
    if (state.state() == TcpConnection::CLOSE) return link_ended(member, state);
    const InetSocketInfo* info = sockets_.find(inode);
    if (info == nullptr)
      return context_.obstacle("it is a tcp socket of another network namespace", "close it before the checkpoint",
                               kRule);
    if (info->state != static_cast<int>(state.state())) return refuse_motion();
    set_peer(member, *info, state);
    state.set_shutdown(static_cast<uint32_t>(info->shutdown));
    if (state.state() == TcpConnection::SYN_SENT) return add_bound(state.peer_port(), *state.mutable_on_its_way_to());
    if (!connections_.may_repair) return;
    const InetSocketInfo* other = sockets_.find(info->remote, info->local);
    if (other == info) return context_.obstacle("it is a tcp socket that is connected to itself", kClose, kRule);
    auto place = other == nullptr ? connections_.members.end() : connections_.members.find(other->inode);
    if (place != connections_.members.end()) return link_pair(member, *info, place->second, *other);
    bool is_held = other != nullptr && other->inode != 0;
    if (!is_held && is_of_this_host(*info)) return link_closed(member, *info, other);
    link_outside(member, *info, is_held ? other : nullptr);
  }

  void link_outside(Member& member, const InetSocketInfo& info, const InetSocketInfo* other) {
    using Rule = OutsidePeers::Rule;
    Rule rule = context_.once<OutsidePeers>().rule;
    if (rule == Rule::kRefuse) {
      return context_.obstacle(text_of_outsider(info, other),
                               "close the connection before the checkpoint, or choose what becomes of it: --external "
                               "close (the restored program finds it reset) or wait",
                               kRule);
    }
    if (rule == Rule::kWait) return context_.passing_obstacle(text_of_outsider(info, other), kAgain, kRule);
    TcpConnection& state = state_of(member);
    state.set_state(TcpConnection::CLOSE);
    state.set_reset(true);
    state.clear_peer_address();
    state.clear_peer_port();
    state.clear_peer_scope();
    link_ended(member, state);
  }

  void set_peer(const Member& member, const InetSocketInfo& info, TcpConnection& state) {
    SocketAddress peer = kernel::try_peer_name(member.fd.get()).value_or(info.remote);
    state.set_peer_address(peer.inet_address());
    state.set_peer_port(peer.port());
    if (peer.scope() != 0) state.set_peer_scope(peer.scope());
  }

  // Its connection has ended: only what is unread is left, and the address that getsockname(2) still tells.
  void link_ended(Member& member, TcpConnection& state) {
    if (!connections_.may_repair) return;
    if (state.binding().port() == 0)
      return context_.obstacle("it is a tcp socket whose connection has failed", "close it", kRule);
    auto offset = peek_from_start(context_, member.fd.get());
    state.set_unread(kernel::peek_tcp_unread(member.fd.get()));
    if (kernel::unread_bytes(member.fd.get()) != static_cast<long>(state.unread().size())) refuse_urgent();
  }

  void link_pair(Member& member, const InetSocketInfo& info, Member& other, const InetSocketInfo& other_info) {
    other.is_linked = true;
    TcpConnection& other_state = state_of(other);
    if (other_info.state != static_cast<int>(other_state.state())) return refuse_motion();
    add_bound(other_state.binding().port(), *other_state.mutable_bound_before());
    set_peer(other, other_info, other_state);
    other_state.set_shutdown(static_cast<uint32_t>(other_info.shutdown));
    EndReader a(context_, member), b(context_, other);
    a.state().mutable_peer()->set_id(other.record.value);
    b.state().mutable_peer()->set_id(member.record.value);
    for (EndReader* end : {&a, &b}) end->read_agreement();
    for (EndReader* end : {&a, &b}) end->read_sender();
    bool at_rest = a.read_receiver() && b.read_receiver();
    if (!at_rest || !leave_out_received(a, b) || !leave_out_received(b, a)) return refuse_motion();
    if (is_cut(a, info) || is_cut(b, other_info)) refuse_urgent();
  }

  // The other end was closed and has nothing more to say: there is no socket for it any more.
  void link_closed(Member& member, const InetSocketInfo& info, const InetSocketInfo* other) {
    bool is_silent = other == nullptr || other->state == TCP_TIME_WAIT || other->state == TCP_FIN_WAIT2;
    bool is_waiting = other != nullptr && (other->state == TCP_ESTABLISHED || other->state == TCP_CLOSE_WAIT);
    if (is_waiting)
      return context_.passing_obstacle(fmt::format("its connection waits at {} to be accepted", info.remote.text()),
                                       "again: the program will accept it", "connections that wait to be accepted");
    if (info.state != TCP_CLOSE_WAIT || !is_silent || info.send_queue != 0) {
      return context_.passing_obstacle(fmt::format("its connection to {}, which was closed there, is in state {}",
                                                   info.remote.text(), kernel::tcp_state_name(info.state)),
                                       kAgain, kRule);
    }
    EndReader end(context_, member);
    end.read_agreement();
    if (!end.read_receiver()) return refuse_motion();
    if (is_cut(end, info)) refuse_urgent();
  }

  // Peeking ends at an urgent byte, even one that was read out of band. A FIN counts as unread.
  static bool is_cut(const EndReader& end, const InetSocketInfo& info) {
    uint32_t unread = info.receive_queue;
    if (has_received_end(end.state().state()) && unread > 0) --unread;
    return end.state().unread().size() < unread;
  }

  void refuse_urgent() {
    context_.passing_obstacle("an urgent byte is among what is unread", "again: it will be read", kRule);
  }
  void refuse_motion() { context_.passing_obstacle("segments of its connection are on their way", kAgain, kRule); }

  std::string text_of_outsider(const InetSocketInfo& info, const InetSocketInfo* other) {
    std::string whose = "; the peer is not on this host";
    if (other != nullptr) {
      auto holder = context_.outside().holder_of(fmt::format("socket:[{}]", other->inode));
      whose = holder ? fmt::format("; the peer is {}", holder->text()) : "; the peer is on this host";
    }
    return fmt::format("it is a tcp connection from {} to {} in state {}{}", info.local.text(), info.remote.text(),
                       kernel::tcp_state_name(info.state), whose);
  }

  // A socket can be bound to the addresses of this host only.
  static bool is_of_this_host(const InetSocketInfo& info) {
    if (info.local.inet_address() == info.remote.inet_address()) return true;
    OwnedFd probe = kernel::make_socket({info.remote.family(), SOCK_STREAM, IPPROTO_TCP});
    return kernel::try_bind(probe.get(), SocketAddress::inet(info.remote.inet_address(), 0, info.interface)) == 0;
  }

  DescribeContext& context_;
  TcpConnections& connections_;
  TcpSockets& sockets_;
};

}  // namespace

TcpConnection describe_tcp_connection(DescribeContext& context, const DescriptionView& view) {
  TcpConnection state;
  *state.mutable_binding() = describe_binding(view);
  state.mutable_binding()->clear_ipv6_only();  // it says whether bind(2) was called, and decides nothing any more
  int kernel_state = kernel::tcp_info(view.fd()).state;
  if (!TcpConnection::State_IsValid(kernel_state) || kernel_state == 0) {
    context.passing_obstacle(fmt::format("it is a tcp connection in state {}", kernel::tcp_state_name(kernel_state)),
                             kAgain, kRule);
    return state;
  }
  state.set_state(static_cast<TcpConnection::State>(kernel_state));
  refuse_conditions(context, view.fd(), state.state());
  refuse_tcp_keys(context, view);
  auto& members = context.once<TcpConnections>().members;
  if (members.empty()) context.at_end([&context] { Linking(context).link_all(); });
  std::string where = view.number() < 0 ? "in flight" : fmt::format("descriptor {}", view.number());
  members.emplace(
      static_cast<uint32_t>(view.stat().st_ino),
      Member{view.record(), kernel::duplicate(view.fd()), fmt::format("process {}: {}", view.holder().value, where)});
  return state;
}

}  // namespace cairn::resources
