// Making unix sockets: what the kernel stamps is stamped by calls in the tasks that made them before.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <map>

#include "kernel/socket.h"
#include "kernel/socket_queue.h"
#include "kernel/unix_name.h"
#include "resources/sockets/unix_socket.h"

namespace cairn::resources {
namespace {

using image::UnixName;
using image::UnixSocket;
using image::UnixStamp;
using kernel::SocketAddress;

// What is made with one record and belongs to another, or is needed later.
struct Ends {
  std::map<const UnixSocket*, OwnedFd> made;   // by its peer, for its own record to take
  std::map<const UnixSocket*, OwnedFd> gone;   // the other end of one whose peer has gone: filled from, then closed
  std::map<const UnixSocket*, OwnedFd> nodes;  // O_PATH: where to connect to a socket with a path

  static OwnedFd take(std::map<const UnixSocket*, OwnedFd>& from, const UnixSocket& state) {
    auto place = from.find(&state);
    if (place == from.end()) return {};
    OwnedFd taken = std::move(place->second);
    from.erase(place);
    return taken;
  }
};

const UnixSocket* peer_of(const graph::RecordSet& records, const UnixSocket& state) {
  return state.peer().id() == 0 ? nullptr : &records.state<UnixSocket>({state.peer().id()});
}

kernel::SocketType type_of(const UnixSocket& state) { return {AF_UNIX, static_cast<int>(state.type()), 0}; }

// --- Acting as the process that a stamp names.

std::vector<gid_t> own_groups() {
  std::vector<gid_t> groups(static_cast<size_t>(kernel::checked("getgroups", SYS_getgroups, 0, 0)));
  kernel::checked("getgroups", SYS_getgroups, static_cast<long>(groups.size()), kernel::arg(groups.data()));
  return groups;
}

// The effective ids of a bare task (cairn's own) exchanged for those of a stamp, while calls are added to its batch.
class Identity {
 public:
  Identity(tracee::Batch& batch, const UnixStamp& stamp) : batch_(batch), own_groups_(own_groups()) {
    std::vector<gid_t> groups(stamp.groups().begin(), stamp.groups().end());
    differs_ = stamp.user() != ::geteuid() || stamp.group() != ::getegid() || groups != own_groups_;
    if (!differs_) return;
    set_groups(groups);
    batch_.call(SYS_setresgid, kUnchanged, stamp.group(), kUnchanged);
    batch_.call(SYS_setresuid, kUnchanged, stamp.user(), kUnchanged);
  }
  // To be called when the calls have been added.
  void end() {
    if (!differs_) return;
    batch_.call(SYS_setresuid, kUnchanged, ::geteuid(), kUnchanged);
    batch_.call(SYS_setresgid, kUnchanged, ::getegid(), kUnchanged);
    set_groups(own_groups_);
  }
  static size_t bytes(const UnixStamp& stamp) { return (stamp.groups().size() + own_groups().size()) * sizeof(gid_t); }

 private:
  static constexpr uint32_t kUnchanged = ~0u;

  void set_groups(const std::vector<gid_t>& groups) {
    batch_.call(SYS_setgroups, groups.size(), batch_.put(groups.data(), groups.size() * sizeof(gid_t)));
  }

  tracee::Batch& batch_;
  std::vector<gid_t> own_groups_;
  bool differs_ = false;
};

constexpr size_t kIdentityCalls = 6;

// Runs calls on duplicates of our descriptors in the task that the stamp names.
template <typename Calls>
void act_as(RestoreContext& context, const UnixStamp& stamp, std::span<const int> fds, Calls calls) {
  RestoredTask& task = context.actor_of({stamp.task().id()});
  std::vector<int> numbers = context.hand_over(task, fds);
  tracee::Batch& batch = task.room(kIdentityCalls + 2 + fds.size(), Identity::bytes(stamp) + 256);
  Identity identity(batch, stamp);
  calls(batch, numbers);
  identity.end();
  for (int number : numbers) batch.call(SYS_close, number);
  batch.flush();
}

std::array<OwnedFd, 2> make_pair(RestoreContext& context, const UnixSocket& state) {
  const UnixStamp& stamp = state.stamp();
  if (stamp.task().id() == 0) return kernel::make_socket_pair(type_of(state));
  RestoredTask& task = context.actor_of({stamp.task().id()});
  tracee::Batch& batch = task.room(kIdentityCalls + 1, Identity::bytes(stamp) + 64);
  Identity identity(batch, stamp);
  auto numbers = batch.out<std::array<int, 2>>();
  batch.call(SYS_socketpair, AF_UNIX, static_cast<int>(state.type()) | SOCK_CLOEXEC, 0, numbers);
  identity.end();
  batch.flush();
  OwnedFd pidfd = kernel::pidfd_open(task.process());
  std::array<OwnedFd, 2> ends;
  for (size_t i = 0; i < ends.size(); ++i) {
    int number = numbers.value()[i];
    std::optional<OwnedFd> end = kernel::try_pidfd_getfd(pidfd.get(), number);
    if (!end) throw Error(fmt::format("socketpair: the task that made it has no descriptor {}", number));
    ends[i] = std::move(*end);
    task.room(1).call(SYS_close, number);
  }
  return ends;
}

void listen_as(RestoreContext& context, const UnixStamp& stamp, int fd, int backlog) {
  if (stamp.task().id() == 0) return kernel::listen(fd, backlog);
  act_as(context, stamp, std::array{fd},
         [&](tracee::Batch& batch, const std::vector<int>& numbers) { batch.call(SYS_listen, numbers[0], backlog); });
}

// `node`: an O_PATH descriptor, or -1 for an abstract name.
void connect_as(RestoreContext& context, const UnixStamp& stamp, int fd, const std::string& name, int node) {
  auto address = [&](int number) {
    return SocketAddress::unix(number < 0 ? name : kernel::path_of_descriptor(number));
  };
  if (stamp.task().id() == 0) return kernel::connect(fd, address(node));
  std::vector<int> fds{fd};
  if (node >= 0) fds.push_back(node);
  act_as(context, stamp, fds, [&](tracee::Batch& batch, const std::vector<int>& numbers) {
    SocketAddress there = address(node < 0 ? -1 : numbers[1]);
    batch.call(SYS_connect, numbers[0], batch.put(there.get(), there.length()), there.length());
  });
}

// --- Names.

// A dead socket may be replaced, and nothing else.
void make_way(const std::string& path) {
  std::optional<OwnedFd> node = kernel::try_open_at(AT_FDCWD, path, O_PATH | O_NOFOLLOW);
  if (!node) return;
  if (!S_ISSOCK(kernel::fstat(node->get()).st_mode) || !kernel::is_dead_node(node->get()))
    throw Error::system(fmt::format("bind {}", path), EADDRINUSE);
  kernel::unlink_at(AT_FDCWD, path);
}

OwnedFd bind_at_node(int fd, const UnixName& name) {
  make_way(name.path());
  kernel::bind_from(fd, name.text(), name.directory());
  OwnedFd node = kernel::open(name.path(), O_PATH | O_NOFOLLOW);
  struct stat status = kernel::fstat(node.get());
  std::string link = kernel::path_of_descriptor(node.get());
  if (status.st_uid != name.user() || status.st_gid != name.group())
    kernel::checked("chown of a socket's node", SYS_fchownat, AT_FDCWD, kernel::arg(link.c_str()), name.user(),
                    name.group(), 0);
  if ((status.st_mode & 07777) != name.mode())
    kernel::checked("chmod of a socket's node", SYS_fchmodat, AT_FDCWD, kernel::arg(link.c_str()), name.mode());
  return node;
}

// Returns an O_PATH descriptor of the node; none of an abstract name.
OwnedFd bind_name(int fd, const UnixName& name) {
  if (is_abstract(name.text())) {
    kernel::bind(fd, SocketAddress::unix(name.text()));
    return {};
  }
  return name.has_path() ? bind_at_node(fd, name) : kernel::bind_out_of_sight(fd, name.text());
}

SocketAddress address_of(RestoreContext& context, const UnixSocket& state) {
  const Ends& ends = context.once<Ends>();
  auto node = ends.nodes.find(&state);
  if (node == ends.nodes.end()) return SocketAddress::unix(state.name().text());
  return SocketAddress::unix(kernel::path_of_descriptor(node->second.get()));
}

void bind_own_name(RestoreContext& context, const UnixSocket& state, int fd) {
  if (!state.has_name()) return;
  if (OwnedFd node = bind_name(fd, state.name())) context.once<Ends>().nodes[&state] = std::move(node);
}

// --- Connections.

// The two ends of a connection that is to be made, of which one may have gone.
struct Roles {
  const UnixName* accepted_name;
  const UnixName* client_name;
  const UnixStamp* listens;   // who listened: what the client sees
  const UnixStamp* connects;  // who connected: what the accepted end sees
};

Roles roles_of(const UnixSocket& state, const UnixSocket* peer) {
  const UnixName& peer_name = peer ? peer->name() : state.gone_peer().name();
  if (state.origin() == UnixSocket::ACCEPTED) return {&state.name(), &peer_name, &state.peer_stamp(), &state.stamp()};
  return {&peer_name, &state.name(), &state.stamp(), &state.peer_stamp()};
}

// An abstract name is visible to strangers: what is accepted must be what was connected.
bool is_other_end(int accepted, const std::string& sent) {
  std::string received(sent.size(), '\0');
  long size = kernel::call("recvfrom", SYS_recvfrom, accepted, kernel::arg(received.data()),
                           static_cast<long>(received.size()), MSG_DONTWAIT);
  return size == static_cast<long>(sent.size()) && received == sent;
}

OwnedFd accept_from(int listener, int client) {
  std::string token(16, '\0');
  kernel::checked("getrandom", SYS_getrandom, kernel::arg(token.data()), static_cast<long>(token.size()), 0);
  kernel::send_message(client, {.data = token});
  while (std::optional<OwnedFd> accepted = kernel::try_accept(listener)) {
    if (is_other_end(accepted->get(), token)) return std::move(*accepted);
  }
  throw Error("a connection that was made can't be accepted");
}

struct Connection {
  OwnedFd client, accepted;
};

Connection make_connection(RestoreContext& context, const UnixSocket& state, const Roles& roles) {
  OwnedFd listener = kernel::make_socket(type_of(state));
  kernel::fcntl(listener.get(), F_SETFL, O_RDWR | O_NONBLOCK);
  UnixName name;
  name.set_text(roles.accepted_name->text());
  OwnedFd node = bind_name(listener.get(), name);
  OwnedFd client = kernel::make_socket(type_of(state));
  if (!roles.client_name->text().empty()) bind_name(client.get(), *roles.client_name);
  listen_as(context, *roles.listens, listener.get(), 1);
  connect_as(context, *roles.connects, client.get(), name.text(), node ? node.get() : -1);
  OwnedFd accepted = accept_from(listener.get(), client.get());
  return {std::move(client), std::move(accepted)};
}

OwnedFd make_both(RestoreContext& context, const UnixSocket& state) {
  const UnixSocket* peer = peer_of(context.records(), state);
  OwnedFd own, other;
  if (state.origin() == UnixSocket::PAIR) {
    std::array<OwnedFd, 2> ends = make_pair(context, state);
    own = std::move(ends[0]);
    other = std::move(ends[1]);
    bind_own_name(context, state, own.get());
  } else {
    Connection connection = make_connection(context, state, roles_of(state, peer));
    bool is_client = state.origin() == UnixSocket::CLIENT;
    own = std::move(is_client ? connection.client : connection.accepted);
    other = std::move(is_client ? connection.accepted : connection.client);
  }
  auto& ends = context.once<Ends>();
  (peer ? ends.made[peer] : ends.gone[&state]) = std::move(other);
  return own;
}

OwnedFd make_waiting(RestoreContext& context, const UnixSocket& state) {
  const auto& listener = context.records().state<UnixSocket>({state.listener().id()});
  auto& nodes = context.once<Ends>().nodes;
  auto node = nodes.find(&listener);
  OwnedFd fd = kernel::make_socket(type_of(state));
  bind_own_name(context, state, fd.get());
  connect_as(context, state.peer_stamp(), fd.get(), listener.name().text(),
             node == nodes.end() ? -1 : node->second.get());
  return fd;
}

// --- Queues.

void send_recorded(RestoreContext& context, const image::UnixMessage& message, int sender, const SocketAddress* to) {
  std::vector<int> descriptors;
  for (const image::Late& descriptor : message.descriptors()) descriptors.push_back(context.fd({descriptor.id()}));
  std::optional<ucred> credentials;
  if (message.has_credentials()) {
    RestoredTask& task = context.actor_of({message.credentials().task().id()});
    credentials = {task.process().value, message.credentials().user(), message.credentials().group()};
  }
  kernel::Discreet discreet(sender);
  kernel::RoomySendBuffer room(sender);
  kernel::send_message(sender, {message.data(), descriptors, credentials, to});
}

// A datagram that doesn't come from the peer: from the socket that has that name, or from one that has it for now.
void send_from_elsewhere(RestoreContext& context, const UnixSocket& state, const image::UnixMessage& message) {
  SocketAddress to = address_of(context, state);
  if (message.sender().id() != 0) return send_recorded(context, message, context.fd({message.sender().id()}), &to);
  OwnedFd sender = kernel::make_socket({AF_UNIX, SOCK_DGRAM, 0});
  UnixName name;
  name.set_text(message.sender_name());
  if (!message.sender_name().empty()) bind_name(sender.get(), name);
  send_recorded(context, message, sender.get(), &to);
}

void fill(RestoreContext& context, const UnixSocket& state, int other_end) {
  for (const image::UnixMessage& message : state.queue()) {
    if (other_end >= 0)
      send_recorded(context, message, other_end, nullptr);
    else
      send_from_elsewhere(context, state, message);
  }
}

void shut_down(const UnixSocket& state, const UnixSocket* peer, int fd, int other_end) {
  int mask = static_cast<int>(state.shutdown());
  bool is_coupled = state.type() != UnixSocket::DATAGRAM && peer != nullptr;
  if (is_coupled || state.origin() == UnixSocket::PAIR) {
    // Each end sees to the direction that it reads from, when it has been filled.
    if ((mask & kReceiveShutdown) != 0) kernel::shutdown(fd, SHUT_RD);
    if (!is_coupled && peer && (static_cast<int>(peer->shutdown()) & kSendShutdown) != 0)
      kernel::shutdown(other_end, SHUT_WR);
    if (peer) return;
    mask &= kSendShutdown;
  }
  if (mask != 0) kernel::shutdown(fd, mask - 1);
}

void connect_datagram(RestoreContext& context, const UnixSocket& state, const UnixSocket* peer, int fd) {
  kernel::Discreet discreet(fd);
  if (peer) return kernel::connect(fd, address_of(context, *peer));
  OwnedFd gone = kernel::make_socket(type_of(state));
  OwnedFd node = bind_name(gone.get(), state.gone_peer().name());
  kernel::connect(fd,
                  SocketAddress::unix(node ? kernel::path_of_descriptor(node.get()) : state.gone_peer().name().text()));
}

}  // namespace

OwnedFd create_unix_socket(RestoreContext& context, const UnixSocket& state) {
  auto& ends = context.once<Ends>();
  if (OwnedFd made = Ends::take(ends.made, state)) {
    if (state.origin() == UnixSocket::PAIR) bind_own_name(context, state, made.get());
    return made;
  }
  if (state.made_by().id() != 0) throw Error("a unix socket whose peer does not make it", Failure::kDamagedImage);
  if (state.origin() == UnixSocket::WAITING) return make_waiting(context, state);
  if (state.origin() != UnixSocket::ORIGIN_UNSPECIFIED) return make_both(context, state);
  OwnedFd fd = kernel::make_socket(type_of(state));
  bind_own_name(context, state, fd.get());
  if (state.listening()) listen_as(context, state.stamp(), fd.get(), static_cast<int>(state.backlog()));
  return fd;
}

void connect_unix_socket(RestoreContext& context, const UnixSocket& state, int fd) {
  const UnixSocket* peer = peer_of(context.records(), state);
  OwnedFd gone = Ends::take(context.once<Ends>().gone, state);
  bool is_joined = state.origin() != UnixSocket::ORIGIN_UNSPECIFIED;
  int other_end = !is_joined ? -1 : peer ? context.fd({state.peer().id()}) : gone.get();
  {
    kernel::Discreet discreet(fd);
    fill(context, state, other_end);
  }
  if (!is_joined && (peer || state.has_gone_peer())) connect_datagram(context, state, peer, fd);
  // Data that the gone peer had not read: its end tells by ECONNRESET.
  if (state.gone_peer().reset()) kernel::send_message(fd, {.data = "x"});
  gone.reset();
  shut_down(state, peer, fd, other_end);
}

void check_unix_socket(CheckContext& context, const UnixSocket& state) {
  auto names_sender = [](const image::UnixMessage& message) { return message.has_credentials(); };
  if (context.has_own_users() && std::ranges::any_of(state.queue(), names_sender)) {
    context.add({.object = "unix socket",
                 .needed = "the right to send messages in the name of others (CAP_SYS_ADMIN)",
                 .met = false,
                 .found = "credentials of the sender come with an unread message"});
  }
  bool holds_name = state.has_name() && state.origin() != UnixSocket::ACCEPTED;
  if (!holds_name || (!is_abstract(state.name().text()) && !state.name().has_path())) return;
  Precondition precondition{.object = fmt::format("unix socket {}", kernel::unix_name_text(state.name().text())),
                            .needed = "the name must be free, or a socket's that nobody has any more",
                            .met = true,
                            .found = ""};
  if (is_abstract(state.name().text())) {
    OwnedFd probe = kernel::make_socket(type_of(state));
    precondition.met = kernel::try_bind(probe.get(), SocketAddress::unix(state.name().text())) == 0;
    if (!precondition.met) precondition.found = "a socket has it";
  } else if (auto node = kernel::try_open_at(AT_FDCWD, state.name().path(), O_PATH | O_NOFOLLOW)) {
    precondition.met = S_ISSOCK(kernel::fstat(node->get()).st_mode) && kernel::is_dead_node(node->get());
    if (!precondition.met) precondition.found = fmt::format("{} is in use", state.name().path());
  } else {
    std::string directory = state.name().path().substr(0, state.name().path().rfind('/') + 1);
    precondition.met = kernel::try_stat_at(AT_FDCWD, directory).has_value();
    if (!precondition.met) precondition.found = fmt::format("there is no {}", directory);
  }
  context.add(std::move(precondition));
}

}  // namespace cairn::resources
