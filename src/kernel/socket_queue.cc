#include "kernel/socket_queue.h"

#include <sys/syscall.h>

#include <climits>

#include "kernel/constants.h"
#include "kernel/described_object.h"
#include "kernel/socket.h"

namespace cairn::kernel {
namespace {

constexpr size_t kMaxDescriptors = 253;  // SCM_MAX_FD
constexpr size_t kFirstBuffer = 256 * 1024;
constexpr int kScmPidfd = 4;  // SCM_PIDFD, 6.5

struct Peeked {
  QueuedMessage message;
  bool cut = false;  // more of the same message follows
};

void take_descriptors(const cmsghdr& header, const unsigned char* data, std::vector<OwnedFd>& fds) {
  size_t count = (header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, data + i * sizeof(int), sizeof(fd));
    fds.emplace_back(fd);
  }
}

void take_control(msghdr& header, QueuedMessage& message) {
  std::vector<OwnedFd> unused;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET) continue;
    switch (control->cmsg_type) {
      case SCM_RIGHTS:
        take_descriptors(*control, CMSG_DATA(control), message.descriptors);
        break;
      case kScmPidfd:
        take_descriptors(*control, CMSG_DATA(control), unused);
        break;
      case SCM_CREDENTIALS:
        message.credentials.emplace();
        std::memcpy(&*message.credentials, CMSG_DATA(control), sizeof(ucred));
        break;
      case SCM_TIMESTAMP:
      case SCM_TIMESTAMPNS:
      case SCM_TIMESTAMPING:
        message.has_time = true;
        break;
      default:
        break;
    }
  }
}

// Empty when there is nothing (more) in the queue.
std::optional<Peeked> peek(int fd, std::string& buffer) {
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptors * sizeof(int)) + 1024];
  sockaddr_storage sender{};
  iovec data{buffer.data(), buffer.size()};
  msghdr header{};
  header.msg_name = &sender;
  header.msg_namelen = sizeof(sender);
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  long size = call("recvmsg", SYS_recvmsg, fd, arg(&header), MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size == -EAGAIN) return std::nullopt;
  if (size < 0) fail("peek at", describe_descriptor(fd), size);
  Peeked peeked;
  take_control(header, peeked.message);
  if (header.msg_flags & MSG_CTRUNC)
    throw Error(
        fmt::format("peek at {}: its descriptors didn't fit (is RLIMIT_NOFILE too low?)", describe_descriptor(fd)));
  peeked.message.data.assign(buffer.data(), static_cast<size_t>(size));
  peeked.message.sender = SocketAddress(&sender, header.msg_namelen);
  peeked.cut = (header.msg_flags & MSG_TRUNC) != 0;
  return peeked;
}

// The offset has moved into the message that was cut: the next peek goes on in it.
void append_rest(int fd, std::string& buffer, Peeked& peeked) {
  while (peeked.cut) {
    std::optional<Peeked> rest = peek(fd, buffer);
    if (!rest) throw Error(fmt::format("peek at {}: a message has changed", describe_descriptor(fd)));
    peeked.message.data += rest->message.data;
    peeked.cut = rest->cut;
  }
}

void add_control(msghdr& header, size_t& used, int type, const void* data, size_t size) {
  auto* control = reinterpret_cast<cmsghdr*>(static_cast<char*>(header.msg_control) + used);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(control), data, size);
  used += CMSG_SPACE(size);
}

std::string_view bytes_of(const int& value) { return {reinterpret_cast<const char*>(&value), sizeof(value)}; }

}  // namespace

std::vector<QueuedMessage> peek_messages(int fd) {
  bool ends_by_zero = socket_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_SEQPACKET;
  std::string buffer(kFirstBuffer, '\0');
  std::vector<QueuedMessage> messages;
  while (std::optional<Peeked> peeked = peek(fd, buffer)) {
    append_rest(fd, buffer, *peeked);
    bool may_be_end = ends_by_zero && peeked->message.data.empty() && (poll_now(fd, POLLRDHUP) & POLLRDHUP) != 0;
    if (may_be_end && !peeked->message.credentials) break;
    messages.push_back(std::move(peeked->message));
  }
  return messages;
}

std::vector<QueuedMessage> peek_stream(int fd) {
  long size = unread_bytes(fd);
  if (size < 0) fail("ask for the queue of", describe_descriptor(fd), size);
  auto left = static_cast<size_t>(size);
  std::string buffer(left, '\0');
  std::vector<QueuedMessage> pieces;
  while (left > 0) {
    std::optional<Peeked> peeked = peek(fd, buffer);
    if (!peeked || peeked->message.data.empty())
      throw Error(fmt::format("peek at {}: {} bytes can't be read", describe_descriptor(fd), left));
    left -= peeked->message.data.size();
    pieces.push_back(std::move(peeked->message));
  }
  return pieces;
}

long memory_of_messages(const SocketType& type, std::span<const std::string_view> messages) {
  auto [sender, receiver] = make_socket_pair(type);
  RoomySendBuffer room(sender.get());
  for (std::string_view message : messages) send_message(sender.get(), {.data = message});
  return unsent_bytes(sender.get());
}

void send_message(int fd, const OutgoingMessage& message) {
  CAIRN_ASSERT(message.descriptors.size() <= kMaxDescriptors);
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptors * sizeof(int)) + CMSG_SPACE(sizeof(ucred))] = {};
  iovec data{const_cast<char*>(message.data.data()), message.data.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  size_t used = 0;
  if (!message.descriptors.empty())
    add_control(header, used, SCM_RIGHTS, message.descriptors.data(), message.descriptors.size_bytes());
  if (message.credentials) add_control(header, used, SCM_CREDENTIALS, &*message.credentials, sizeof(ucred));
  header.msg_controllen = used;
  if (used == 0) header.msg_control = nullptr;
  if (message.to) {
    header.msg_name = const_cast<sockaddr*>(message.to->get());
    header.msg_namelen = message.to->length();
  }
  long sent = call("sendmsg", SYS_sendmsg, fd, arg(&header), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) fail("fill the queue of", describe_descriptor(fd), sent);
  if (static_cast<size_t>(sent) == message.data.size()) return;
  // A stream took a part; the descriptors have gone with it.
  CAIRN_ASSERT(sent > 0);
  send_message(fd, {message.data.substr(static_cast<size_t>(sent)), {}, message.credentials, message.to});
}

namespace {

int half_of_buffer(int size) { return (size + 1) / 2; }
int forced_form(int option) { return option == SO_SNDBUF ? SO_SNDBUFFORCE : SO_RCVBUFFORCE; }

}  // namespace

RoomyBuffer::RoomyBuffer(int fd, int option)
    : fd_(fd),
      option_(option),
      forced_(forced_form(option)),
      size_(socket_option(fd, SOL_SOCKET, option)),
      locks_(try_socket_option_as<int>(fd, SOL_SOCKET, SO_BUF_LOCK).value_or(0)) {
  int wanted = INT_MAX / 4;
  if (try_set_socket_option(fd, SOL_SOCKET, forced_, bytes_of(wanted)) < 0)
    try_set_socket_option(fd, SOL_SOCKET, option, bytes_of(wanted));
}

RoomyBuffer::~RoomyBuffer() {
  int half = half_of_buffer(size_);
  if (try_set_socket_option(fd_, SOL_SOCKET, forced_, bytes_of(half)) < 0)
    put_back_socket_option(fd_, SOL_SOCKET, option_, bytes_of(half));
  put_back_socket_option(fd_, SOL_SOCKET, SO_BUF_LOCK, bytes_of(locks_));
}

Discreet::Discreet(int fd)
    : fd_(fd),
      credentials_(try_socket_option_as<int>(fd, SOL_SOCKET, SO_PASSCRED).value_or(0) != 0),
      pidfd_(try_socket_option_as<int>(fd, SOL_SOCKET, kSoPassPidfd).value_or(0) != 0) {
  if (credentials_) set_socket_option(fd, SOL_SOCKET, SO_PASSCRED, 0);
  if (pidfd_) set_socket_option(fd, SOL_SOCKET, kSoPassPidfd, 0);
}

Discreet::~Discreet() {
  int on = 1;
  if (credentials_) put_back_socket_option(fd_, SOL_SOCKET, SO_PASSCRED, bytes_of(on));
  if (pidfd_) put_back_socket_option(fd_, SOL_SOCKET, kSoPassPidfd, bytes_of(on));
}

bool set_buffer_size(int fd, int option, int value) {
  int forced = forced_form(option);
  int half = half_of_buffer(value);
  if (try_set_socket_option(fd, SOL_SOCKET, forced, bytes_of(half)) < 0)
    try_set_socket_option(fd, SOL_SOCKET, option, bytes_of(half));
  return socket_option(fd, SOL_SOCKET, option) == value;
}

}  // namespace cairn::kernel
