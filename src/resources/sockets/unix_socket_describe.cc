// Describing unix sockets, each by itself.
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

constexpr int kPeerGroups = 59;  // SO_PEERGROUPS, 4.13

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
        "checkpoint where the mounts are the same as the program's", kUnixRule);
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
  stamp.set_pid(context.number_of({credentials->pid}).value);
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
    context.passing_obstacle(
        fmt::format("a message in its queue has the credentials of process {}, which is not in the tree",
                    credentials.pid),
        kUnixAgain, "credentials in flight");
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
      context.passing_obstacle("a datagram in its queue has the time when it was sent", kUnixAgain,
                               "time stamps of datagrams");
    describe_descriptors(context, view, message, *record);
    if (wants_credentials && message.credentials) describe_credentials(context, *message.credentials, *record);
  }
}

// --- One socket.

void describe_condition(DescribeContext& context, const DescriptionView& view, const UnixSocketInfo& info,
                        UnixSocket& state) {
  short events = kernel::poll_now(view.fd(), POLLPRI);
  if ((events & POLLPRI) != 0)
    context.passing_obstacle("an out-of-band byte is in its queue", kUnixAgain, "out-of-band data of unix sockets");
  bool is_gone = info.peer == 0u;
  if (is_gone) {
    image::UnixPeer& peer = *state.mutable_gone_peer();
    if (auto name = kernel::try_peer_name(view.fd()); name && !name->empty())
      peer.mutable_name()->set_text(name->unix_name());
    peer.set_reset((events & POLLERR) != 0 && state.type() != UnixSocket::DATAGRAM);
    if (peer.reset()) return;
  }
  if ((events & POLLERR) != 0)
    context.passing_obstacle("an error is pending that the program has not seen", "again", "pending socket errors");
}

}  // namespace

UnixSocket describe_unix_socket(DescribeContext& context, const DescriptionView& view) {
  UnixSocket state;
  state.set_type(static_cast<UnixSocket::Type>(kernel::socket_option(view.fd(), SOL_SOCKET, SO_TYPE)));
  auto& sockets = context.once<UnixSockets>();
  auto inode = static_cast<uint32_t>(view.stat().st_ino);
  auto place = sockets.by_inode.find(inode);
  if (place == sockets.by_inode.end()) {
    context.obstacle("it is a unix socket of another network namespace", "close it before the checkpoint", kUnixRule);
    return state;
  }
  const UnixSocketInfo& info = place->second;
  std::string where = view.number() < 0 ? "in flight" : fmt::format("descriptor {}", view.number());
  sockets.members[inode] = {view.record(), view.holder(), fmt::format("process {}: {}", view.holder().value, where)};
  state.set_shutdown(static_cast<uint32_t>(info.shutdown));
  state.set_listening(info.state == kListenState);
  describe_name(context, view, state);
  if (is_stamped(view.fd())) describe_stamp(context, view.fd(), *state.mutable_stamp());
  describe_condition(context, view, info, state);
  if (state.listening())
    state.set_backlog(info.send_queue);
  else
    describe_queue(context, view, state);
  context.at_end([&context, inode] { link_unix_socket(context, inode); });
  return state;
}

}  // namespace cairn::resources
