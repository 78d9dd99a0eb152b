// Describing unix sockets: each by itself first, then, when all are known, who is connected to whom.
#include <sys/socket.h>

#include <algorithm>
#include <map>

#include "kernel/sock_diag.h"
#include "kernel/socket.h"
#include "kernel/socket_queue.h"
#include "kernel/unix_name.h"
#include "resources/sockets/unix_socket.h"

namespace cairn::resources {
namespace {

using image::UnixSocket;
using kernel::UnixSocketInfo;

constexpr int kListen = 10;      // TCP_LISTEN
constexpr int kPeerGroups = 59;  // SO_PEERGROUPS, 4.13
constexpr const char* kRule = "unix sockets";
constexpr const char* kOutsiders = "unix sockets to outsiders";
constexpr const char* kAgain = "again: it will be read";

// All unix sockets of the host, and which records they have in this checkpoint.
struct UnixSockets {
  struct Member {
    RecordId record;
    std::string place;
  };
  std::map<uint32_t, UnixSocketInfo> by_inode;
  std::map<uint32_t, Member> members;

  UnixSockets() {
    for (UnixSocketInfo& info : kernel::dump_unix_sockets()) {
      if (info.inode == 0) continue;
      if (info.state == kListen) listeners_.emplace(info.name, info.inode);
      if (info.type == SOCK_DGRAM && !info.name.empty()) datagrams_.emplace(info.name, info.inode);
      by_inode.emplace(info.inode, std::move(info));
    }
  }
  const Member* member(uint32_t inode) const {
    auto place = members.find(inode);
    return place == members.end() ? nullptr : &place->second;
  }
  // Who has (and, unlike an accepted socket, holds) this name. A path may be relative: one of the tree comes first.
  const UnixSocketInfo* listener_at(const std::string& name) const { return find(listeners_, name); }
  const UnixSocketInfo* datagram_socket_at(const std::string& name) const { return find(datagrams_, name); }

 private:
  using Index = std::multimap<std::string, uint32_t>;

  const UnixSocketInfo* find(const Index& index, const std::string& name) const {
    auto [first, last] = index.equal_range(name);
    if (first == last) return nullptr;
    auto member = std::find_if(first, last, [&](const auto& entry) { return members.contains(entry.second); });
    return &by_inode.at((member == last ? first : member)->second);
  }

  Index listeners_, datagrams_;
};

bool is_abstract(const std::string& name) { return name.starts_with('\0'); }

// --- The name.

struct stat status_of(int fd) {
  return kernel::fstat(fd);
}

bool leads_to(const std::string& path, const struct stat& node) {
  auto status = kernel::try_stat_at(AT_FDCWD, path);
  return status && status->st_dev == node.st_dev && status->st_ino == node.st_ino;
}

std::string joined(const std::string& directory, const std::string& name) {
  return directory == "/" && name.starts_with('/') ? name : directory + "/" + name;
}

// The directory (root for an absolute name, working directory for a relative one) from which the name leads to the
// node; empty when none is known.
std::string directory_of(const DescriptionView& view, const std::string& name, const std::string& path,
                         const struct stat& node) {
  std::vector<std::string> candidates;
  if (name.starts_with('/')) candidates.push_back("/");
  if (path.ends_with(name)) {
    std::string before = path.substr(0, path.size() - name.size());
    while (before.size() > 1 && before.ends_with('/')) before.pop_back();
    candidates.push_back(before.empty() ? "/" : before);
  }
  auto process = kernel::ProcDir::open(view.holder());
  for (const char* link : {"root", "cwd"}) {
    if (auto directory = process ? process->try_read_link(link) : std::nullopt) candidates.push_back(*directory);
  }
  for (const std::string& directory : candidates) {
    if (leads_to(joined(directory, name), node)) return directory;
  }
  return {};
}

// The node by the kernel's own knowledge, or, without the right to ask, by following the name in the holder's world.
std::optional<OwnedFd> node_of(const DescriptionView& view, const std::string& name) {
  if (auto node = kernel::try_bound_node(view.fd())) return node;
  auto process = kernel::ProcDir::open(view.holder());
  if (!process) return std::nullopt;
  std::string path = name.starts_with('/') ? "root" + name : "cwd/" + name;
  return kernel::try_open_at(process->fd(), path, O_PATH);
}

void describe_node(DescribeContext& context, const DescriptionView& view, image::UnixName& name) {
  std::optional<OwnedFd> node = node_of(view, name.text());
  if (!node) return;
  struct stat status = status_of(node->get());
  if (status.st_nlink == 0 || !S_ISSOCK(status.st_mode)) return;
  std::string path = kernel::read_link_at(AT_FDCWD, kernel::path_of_descriptor(node->get()));
  std::string directory = directory_of(view, name.text(), path, status);
  if (directory.empty()) {
    context.obstacle(
        fmt::format("its name '{}' does not lead to its node {} from here", kernel::unix_name_text(name.text()), path),
        "checkpoint where the mounts are the same as the program's", kRule);
    return;
  }
  name.set_directory(directory);
  name.set_path(path);
  name.set_mode(status.st_mode & 07777);
  name.set_user(status.st_uid);
  name.set_group(status.st_gid);
}

void describe_name(DescribeContext& context, const DescriptionView& view, UnixSocket& state) {
  std::string text = kernel::socket_name(view.fd()).unix_name();
  if (text.empty()) return;
  state.mutable_name()->set_text(text);
  if (!is_abstract(text)) describe_node(context, view, *state.mutable_name());
}

// --- The stamp.

void describe_stamp(DescribeContext& context, int fd, image::UnixStamp& stamp) {
  auto credentials = kernel::try_socket_option_as<ucred>(fd, SOL_SOCKET, SO_PEERCRED);
  if (!credentials) return;
  stamp.set_pid(credentials->pid);
  stamp.set_user(credentials->uid);
  stamp.set_group(credentials->gid);
  std::string groups = kernel::try_socket_option(fd, SOL_SOCKET, kPeerGroups, 64 * 1024).value_or("");
  for (size_t at = 0; at + sizeof(gid_t) <= groups.size(); at += sizeof(gid_t)) {
    gid_t group = 0;
    std::memcpy(&group, groups.data() + at, sizeof(group));
    stamp.add_groups(group);
  }
  if (RecordId task = context.task({credentials->pid})) stamp.mutable_task()->set_id(task.value);
}

bool is_stamped(int fd) {
  auto credentials = kernel::try_socket_option_as<ucred>(fd, SOL_SOCKET, SO_PEERCRED);
  return credentials && (credentials->pid != 0 || credentials->uid != static_cast<uid_t>(-1));
}

// --- The queue.

bool has_something(const DescriptionView& view, const UnixSocket& state) {
  if (state.type() == UnixSocket::STREAM) return kernel::unread_bytes(view.fd()) > 0;
  return (kernel::poll_now(view.fd(), POLLIN) & POLLIN) != 0;
}

bool option(int fd, int name) { return kernel::try_socket_option_as<int>(fd, SOL_SOCKET, name).value_or(0) != 0; }

std::vector<kernel::QueuedMessage> read_queue(DescribeContext& context, const DescriptionView& view,
                                              const UnixSocket& state) {
  int fd = view.fd();
  bool is_stream = state.type() == UnixSocket::STREAM;
  bool has_descriptors = !view.fdinfo().has("scm_fds") || view.fdinfo().number("scm_fds") != 0;  // 5.6
  bool is_plain = is_stream && !has_descriptors && !option(fd, SO_PASSCRED) &&
                  kernel::socket_option(fd, SOL_SOCKET, SO_PEEK_OFF) == -1;
  if (is_plain) return kernel::peek_stream(fd);
  std::unique_ptr<SocketToggle> credentials;
  if (state.type() == UnixSocket::SEQPACKET && (state.shutdown() & kReceiveShutdown) != 0)
    credentials = context.toggle(fd, SOL_SOCKET, SO_PASSCRED, 1);
  auto offset = context.toggle(fd, SOL_SOCKET, SO_PEEK_OFF, 0);
  return is_stream ? kernel::peek_stream(fd) : kernel::peek_messages(fd);
}

void describe_descriptors(DescribeContext& context, const DescriptionView& view, kernel::QueuedMessage& message,
                          image::UnixMessage& record) {
  for (OwnedFd& fd : message.descriptors) {
    Place place(context, "in flight in its queue");
    record.add_descriptors()->set_id(context.description_in_flight(std::move(fd), view.holder()).value);
  }
}

void describe_credentials(DescribeContext& context, const ucred& credentials, image::UnixMessage& record) {
  if (credentials.pid == 0) return;  // it was sent when nobody wanted any
  RecordId task = context.task({credentials.pid});
  if (!task) {
    context.obstacle(fmt::format("a message in its queue has the credentials of process {}, which is not in the tree",
                                 credentials.pid),
                     kAgain, "credentials in flight");
  }
  record.mutable_credentials()->mutable_task()->set_id(task.value);
  record.mutable_credentials()->set_user(credentials.uid);
  record.mutable_credentials()->set_group(credentials.gid);
}

void describe_queue(DescribeContext& context, const DescriptionView& view, UnixSocket& state) {
  if (!has_something(view, state)) return;
  bool wants_credentials = option(view.fd(), SO_PASSCRED);
  for (kernel::QueuedMessage& message : read_queue(context, view, state)) {
    image::UnixMessage* record = state.add_queue();
    record->set_data(message.data);
    if (std::string name = message.sender.unix_name(); !name.empty() && state.type() == UnixSocket::DATAGRAM)
      record->set_sender_name(name);
    if (message.has_time)
      context.obstacle("a datagram in its queue has the time when it was sent", kAgain, "time stamps of datagrams");
    describe_descriptors(context, view, message, *record);
    if (wants_credentials && message.credentials) describe_credentials(context, *message.credentials, *record);
  }
}

// --- Who is connected to whom.

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
    // The elder inode makes both, and is linked first or last: each is linked for itself.
    if (info_.inode < *info_.peer)
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
    context_.obstacle(has_descriptors && is_stream()
                          ? "where in the unread bytes descriptors are in flight can't be seen"
                          : "an empty message in its queue was peeked at before and can't be seen any more",
                      kAgain, "unread messages of unix sockets");
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
      return context_.obstacle("it is connected to a socket without a name that has left it", "close it", kRule);
    if (!other.peer || *other.peer == 0) return;
    context_.obstacle(
        fmt::format("it is connected to {}, which has connected elsewhere since", kernel::unix_name_text(other.name)),
        "connect it again", kRule);
  }

  // The peer has gone, or nobody has accepted the connection yet.
  void link_nobody() {
    constexpr uint32_t kBoth = kReceiveShutdown | kSendShutdown;
    if (is_stream() && state_.shutdown() != kBoth) return refuse_waiting();
    for (const image::UnixMessage& message : state_.queue()) {
      if (state_.type() == UnixSocket::STREAM && !message.descriptors().empty())
        context_.obstacle(
            "where in the unread bytes descriptors are in flight can't be seen, for their sender has gone", kAgain,
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
            "connect it again", kRule);
      return;
    }
    bool self_is_accepted = is_accepted(state_.name().text(), peer_name);
    state_.set_origin(self_is_accepted ? UnixSocket::ACCEPTED : UnixSocket::CLIENT);
    if (!self_is_accepted) precede_listener(peer_name);
  }

  void refuse_waiting() {
    for (const auto& [inode, listener] : sockets_.by_inode) {
      if (std::find(listener.waiting.begin(), listener.waiting.end(), info_.inode) == listener.waiting.end()) continue;
      if (sockets_.member(inode)) return;  // the listener tells
      return context_.obstacle(
          fmt::format("it waits to be accepted at {}{}", kernel::unix_name_text(listener.name), holder_text(inode)),
          "close the connection, or checkpoint from an ancestor of both", kOutsiders);
    }
    context_.obstacle("its connection is being made or closed", "again", kRule);
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
        context_.obstacle(fmt::format("a datagram in its queue comes from {}, outside the tree{}",
                                      kernel::unix_name_text(message.sender_name()), holder_text(sender->inode)),
                          kAgain, kOutsiders);
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

// --- One socket.

void describe_listener(DescribeContext& context, const UnixSocketInfo& info, UnixSocket& state) {
  state.set_backlog(info.send_queue);
  if (!info.waiting.empty()) {
    context.obstacle(
        fmt::format("{} connections wait at {} to be accepted", info.waiting.size(), kernel::unix_name_text(info.name)),
        "again: the program will accept them", "connections that wait to be accepted");
  }
}

void describe_condition(DescribeContext& context, const DescriptionView& view, const UnixSocketInfo& info,
                        UnixSocket& state) {
  short events = kernel::poll_now(view.fd(), POLLPRI);
  if ((events & POLLPRI) != 0)
    context.obstacle("an out-of-band byte is in its queue", kAgain, "out-of-band data of unix sockets");
  bool is_gone = info.peer == 0u;
  if (is_gone) {
    image::UnixPeer& peer = *state.mutable_gone_peer();
    if (auto name = kernel::try_peer_name(view.fd()); name && !name->empty())
      peer.mutable_name()->set_text(name->unix_name());
    peer.set_reset((events & POLLERR) != 0 && state.type() != UnixSocket::DATAGRAM);
    if (peer.reset()) return;
  }
  if ((events & POLLERR) != 0)
    context.obstacle("an error is pending that the program has not seen", "again", "pending socket errors");
}

}  // namespace

UnixSocket describe_unix_socket(DescribeContext& context, const DescriptionView& view) {
  UnixSocket state;
  state.set_type(static_cast<UnixSocket::Type>(kernel::socket_option(view.fd(), SOL_SOCKET, SO_TYPE)));
  auto& sockets = context.once<UnixSockets>();
  auto inode = static_cast<uint32_t>(view.stat().st_ino);
  auto place = sockets.by_inode.find(inode);
  if (place == sockets.by_inode.end()) {
    context.obstacle("it is a unix socket of another network namespace", "close it before the checkpoint", kRule);
    return state;
  }
  const UnixSocketInfo& info = place->second;
  std::string where = view.number() < 0 ? "in flight" : fmt::format("descriptor {}", view.number());
  sockets.members[inode] = {view.record(), fmt::format("process {}: {}", view.holder().value, where)};
  state.set_shutdown(static_cast<uint32_t>(info.shutdown));
  state.set_listening(info.state == kListen);
  describe_name(context, view, state);
  if (is_stamped(view.fd())) describe_stamp(context, view.fd(), *state.mutable_stamp());
  describe_condition(context, view, info, state);
  if (state.listening())
    describe_listener(context, info, state);
  else
    describe_queue(context, view, state);
  context.at_end([&context, inode] { Linking(context, inode).link(); });
  return state;
}

}  // namespace cairn::resources
