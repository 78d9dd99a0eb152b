// Who is connected to whom, when all unix sockets of the tree are known: how the ends came together, which end makes
// both, and what can't be kept because the other end is outside.
#include <sys/socket.h>

#include <algorithm>

#include "kernel/socket_queue.h"
#include "resources/sockets/unix_socket.h"

namespace cairn::resources {

using image::UnixSocket;
using kernel::UnixSocketInfo;

namespace {

constexpr const char* kOutsiders = "unix sockets to outsiders";

class Linking {
 public:
  Linking(DescribeContext& context, uint32_t inode)
      : context_(context),
        sockets_(context.once<UnixSockets>()),
        info_(sockets_.by_inode.at(inode)),
        self_(sockets_.members.at(inode)),
        place_(context, self_.place),
        state_(context.records().find(self_.record)->as<UnixSocket>()) {}

  void link() {
    link_senders();
    link_waiting();
    if (!info_.peer) return;
    if (*info_.peer == 0) return link_nobody();
    const UnixSockets::Member* peer = sockets_.member(*info_.peer);
    if (peer == nullptr) return refuse_outsider();
    state_.mutable_peer()->set_id(peer->record.value);
    if (*info_.peer != info_.inode) verify_queue(sockets_.by_inode.at(*info_.peer));
    auto& other = context_.records().find(peer->record)->as<UnixSocket>();
    const UnixSocketInfo& other_info = sockets_.by_inode.at(*info_.peer);
    bool is_mutual = other_info.peer == info_.inode;
    if (state_.type() == UnixSocket::DATAGRAM && !is_mutual) return link_one_way(other_info);
    bool is_stamped_pair = state_.has_stamp() && other.has_stamp();
    if (state_.type() == UnixSocket::DATAGRAM && !is_stamped_pair) return;
    // The end found first makes both. Inode numbers would not do: each CPU hands out its own.
    if (self_.record.value < peer->record.value)
      link_maker(other);
    else
      state_.mutable_made_by()->set_id(peer->record.value);
  }

 private:
  bool is_stream() const { return state_.type() != UnixSocket::DATAGRAM; }

  // What only the peer can have sent takes as much memory as the kernel counts for it: no empty message was overlooked,
  // and descriptors in a stream stand before the bytes that they are recorded with.
  void verify_queue(const UnixSocketInfo& sender) {
    if (sender.peer != info_.inode) return;
    const auto& queue = state_.queue();
    bool has_descriptors = std::any_of(queue.begin(), queue.end(), [](auto& m) { return !m.descriptors().empty(); });
    if (state_.type() == UnixSocket::STREAM && !has_descriptors) return;
    if (queue.empty() && sender.send_queue == 0) return;
    std::vector<std::string_view> messages;
    for (const image::UnixMessage& message : queue) messages.push_back(message.data());
    long memory = kernel::memory_of_messages({AF_UNIX, static_cast<int>(state_.type()), 0}, messages);
    if (memory == static_cast<long>(sender.send_queue)) return;
    context_.passing_obstacle(has_descriptors && is_stream()
                                  ? "where in the unread bytes descriptors are in flight can't be seen"
                                  : "an empty message in its queue was peeked at before and can't be seen any more",
                              kUnixAgain, "unread messages of unix sockets");
  }

  void link_maker(UnixSocket& other) {
    if (other.has_stamp()) *state_.mutable_peer_stamp() = other.stamp();
    bool is_pair = !is_stream() || (!state_.has_name() && !other.has_name());
    if (is_pair) {
      state_.set_origin(UnixSocket::PAIR);
      other.set_origin(UnixSocket::PAIR);
      return;
    }
    bool self_is_accepted = is_accepted(state_.name().text(), other.name().text());
    accept_one(self_is_accepted ? state_ : other, self_is_accepted ? other : state_);
  }

  // An accepted end has its listener's name.
  bool is_accepted(const std::string& name, const std::string& peer_name) const {
    if (peer_name.empty()) return true;
    return !name.empty() && sockets_.listener_at(name) != nullptr && sockets_.listener_at(peer_name) == nullptr;
  }

  void accept_one(UnixSocket& accepted, UnixSocket& client) {
    accepted.set_origin(UnixSocket::ACCEPTED);
    client.set_origin(UnixSocket::CLIENT);
    forget_node(*accepted.mutable_name());
    precede_listener(accepted.name().text());
  }

  static void forget_node(image::UnixName& name) {
    std::string text = name.text();
    name.Clear();
    name.set_text(text);
  }

  // The maker of a connection takes an abstract name for a moment, before its listener has it.
  void precede_listener(const std::string& name) {
    if (!is_abstract(name)) return;
    const UnixSocketInfo* listener = sockets_.listener_at(name);
    if (listener == nullptr) return;
    if (const UnixSockets::Member* member = sockets_.member(listener->inode)) {
      auto& record = context_.records().find(member->record)->as<UnixSocket>();
      record.add_earlier()->set_id(self_.record.value);
      return;
    }
    context_.obstacle(fmt::format("its name {} belongs to a listener outside the tree{}", kernel::unix_name_text(name),
                                  holder_text(listener->inode)),
                      "checkpoint from an ancestor of both", kOutsiders);
  }

  void link_one_way(const UnixSocketInfo& other) {
    if (other.name.empty())
      return context_.obstacle("it is connected to a socket without a name that has left it", "close it", kUnixRule);
    if (!other.peer || *other.peer == 0) return;
    context_.obstacle(
        fmt::format("it is connected to {}, which has connected elsewhere since", kernel::unix_name_text(other.name)),
        "connect it again", kUnixRule);
  }

  // The peer has gone, or nobody has accepted the connection yet.
  void link_nobody() {
    constexpr uint32_t kBoth = kReceiveShutdown | kSendShutdown;
    if (is_stream() && state_.shutdown() != kBoth) return refuse_waiting();
    for (const image::UnixMessage& message : state_.queue()) {
      if (state_.type() == UnixSocket::STREAM && !message.descriptors().empty())
        context_.passing_obstacle(
            "where in the unread bytes descriptors are in flight can't be seen, for their sender has gone", kUnixAgain,
            "unread messages of unix sockets");
    }
    image::UnixPeer& peer = *state_.mutable_gone_peer();
    if (!peer.name().text().empty())
      link_gone(peer.name().text());
    else
      state_.set_origin(state_.has_name() && is_stream() ? UnixSocket::ACCEPTED : UnixSocket::PAIR);
    if (state_.origin() == UnixSocket::ACCEPTED) {
      forget_node(*state_.mutable_name());
      precede_listener(state_.name().text());
    }
  }

  void link_gone(const std::string& peer_name) {
    if (!is_stream()) {
      const UnixSocketInfo* other = sockets_.datagram_socket_at(peer_name);
      if (other && is_abstract(peer_name))
        context_.obstacle(
            fmt::format("its peer has gone, and another socket has the name {} now", kernel::unix_name_text(peer_name)),
            "connect it again", kUnixRule);
      return;
    }
    bool self_is_accepted = is_accepted(state_.name().text(), peer_name);
    state_.set_origin(self_is_accepted ? UnixSocket::ACCEPTED : UnixSocket::CLIENT);
    if (!self_is_accepted) precede_listener(peer_name);
  }

  // Connections that nobody has accepted are made again in turn. What they bring can be read by nobody but who accepts
  // them, so they must have brought nothing. By whom they were made is told only then, too: by who has them.
  void link_waiting() {
    size_t refused = 0;
    RecordId before;
    for (uint32_t inode : info_.waiting) {
      const UnixSockets::Member* member = sockets_.member(inode);
      if (member == nullptr || sockets_.by_inode.at(inode).send_queue != 0) {
        ++refused;
        continue;
      }
      auto& client = context_.records().find(member->record)->as<UnixSocket>();
      client.set_origin(UnixSocket::WAITING);
      client.clear_gone_peer();
      client.mutable_listener()->set_id(self_.record.value);
      if (before) client.add_earlier()->set_id(before.value);
      stamp_by_holder(*client.mutable_peer_stamp(), member->holder);
      before = member->record;
    }
    if (refused == 0) return;
    context_.passing_obstacle(
        fmt::format("{} connections wait at {} to be accepted, with data or from outside the tree", refused,
                    kernel::unix_name_text(info_.name)),
        "again: the program will accept them", "connections that wait to be accepted");
  }

  void stamp_by_holder(image::UnixStamp& stamp, HostPid holder) {
    auto process = kernel::ProcDir::open(holder);
    if (!process) return;
    kernel::KeyValues status = process->status();
    stamp.mutable_task()->set_id(context_.task(holder).value);
    stamp.set_pid(context_.number_of(holder).value);
    stamp.set_user(static_cast<uint32_t>(status.numbers("Uid").at(1)));  // effective
    stamp.set_group(static_cast<uint32_t>(status.numbers("Gid").at(1)));
    for (int64_t group : status.numbers("Groups")) stamp.add_groups(static_cast<uint32_t>(group));
  }

  void refuse_waiting() {
    for (const auto& [inode, listener] : sockets_.by_inode) {
      if (std::find(listener.waiting.begin(), listener.waiting.end(), info_.inode) == listener.waiting.end()) continue;
      if (sockets_.member(inode)) return;  // the listener links it, or tells
      return context_.obstacle(
          fmt::format("it waits to be accepted at {}{}", kernel::unix_name_text(listener.name), holder_text(inode)),
          "close the connection, or checkpoint from an ancestor of both", kOutsiders);
    }
    context_.passing_obstacle("its connection is being made or closed", "again", kUnixRule);
  }

  void refuse_outsider() {
    auto place = sockets_.by_inode.find(*info_.peer);
    std::string name = place == sockets_.by_inode.end() ? "" : place->second.name;
    if (name.empty()) name = info_.name;
    context_.obstacle(
        fmt::format("it is a unix socket{} connected to a peer outside the tree{}",
                    name.empty() ? "" : " (" + kernel::unix_name_text(name) + ")", holder_text(*info_.peer)),
        "close the connection, or checkpoint from an ancestor of both", kOutsiders);
  }

  std::string holder_text(uint32_t inode) {
    auto holder = context_.outside().holder_of(fmt::format("socket:[{}]", inode));
    return holder ? fmt::format(": {}", holder->text()) : std::string();
  }

  // A named datagram comes from its sender if that is here. An abstract name of an outsider can't be borrowed.
  void link_senders() {
    if (state_.type() != UnixSocket::DATAGRAM || !state_.has_name()) return;
    for (image::UnixMessage& message : *state_.mutable_queue()) {
      if (message.sender_name().empty()) {
        if (RecordId sender = nameless_sender()) message.mutable_sender()->set_id(sender.value);
        continue;
      }
      const UnixSocketInfo* sender = sockets_.datagram_socket_at(message.sender_name());
      if (sender == nullptr) continue;
      if (const UnixSockets::Member* member = sockets_.member(sender->inode)) {
        message.mutable_sender()->set_id(member->record.value);
      } else if (is_abstract(message.sender_name())) {
        context_.passing_obstacle(
            fmt::format("a datagram in its queue comes from {}, outside the tree{}",
                        kernel::unix_name_text(message.sender_name()), holder_text(sender->inode)),
            kUnixAgain, kOutsiders);
      }
    }
  }

  // The one socket of the tree that has sent something and has no name, if there is just one: the kernel counts against
  // its send buffer what is unread.
  RecordId nameless_sender() const {
    RecordId found;
    for (const auto& [inode, member] : sockets_.members) {
      const UnixSocketInfo& info = sockets_.by_inode.at(inode);
      bool is_candidate = info.type == SOCK_DGRAM && info.name.empty() && info.send_queue != 0 && inode != info_.inode;
      if (!is_candidate) continue;
      if (found) return {};
      found = member.record;
    }
    return found;
  }

  DescribeContext& context_;
  UnixSockets& sockets_;
  const UnixSocketInfo& info_;
  const UnixSockets::Member& self_;
  Place place_;
  UnixSocket& state_;
};

}  // namespace

UnixSockets::UnixSockets() {
  for (UnixSocketInfo& info : kernel::dump_unix_sockets()) {
    if (info.inode == 0) continue;
    if (info.state == kListenState) listeners_.emplace(info.name, info.inode);
    if (info.type == SOCK_DGRAM && !info.name.empty()) datagrams_.emplace(info.name, info.inode);
    by_inode.emplace(info.inode, std::move(info));
  }
}

void link_unix_socket(DescribeContext& context, uint32_t inode) { Linking(context, inode).link(); }

}  // namespace cairn::resources
