// The socket part of calls.h: descriptors over a unix socket (SCM_RIGHTS, unix(7)).
#include <sys/syscall.h>

#include <cstring>

#include "kernel/calls.h"
#include "kernel/described_object.h"

namespace cairn::kernel {
namespace {

constexpr size_t kMaxDescriptors = 253;  // SCM_MAX_FD
constexpr size_t kMaxPayload = 64 * 1024;

// Takes the descriptors out of a received message; nothing is lost when the message was cut.
std::vector<OwnedFd> take_descriptors(msghdr& message) {
  std::vector<OwnedFd> fds;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

void send_descriptors(int socket, std::span<const int> fds, std::span<const std::byte> payload) {
  CAIRN_ASSERT(fds.size() <= kMaxDescriptors);
  static constexpr std::byte kNothing{0};
  if (payload.empty()) payload = {&kNothing, 1};  // a stream socket drops descriptors that no byte carries
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptors * sizeof(int))] = {};
  iovec data{const_cast<std::byte*>(payload.data()), payload.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  long sent = call("sendmsg", SYS_sendmsg, socket, arg(&message), MSG_NOSIGNAL);
  if (sent < 0) fail("send descriptors over", describe_descriptor(socket), sent);
  write_all(socket, payload.data() + sent, payload.size() - static_cast<size_t>(sent));
}

std::vector<OwnedFd> receive_descriptors(int socket, std::string* payload) {
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptors * sizeof(int))];
  std::string bytes(kMaxPayload, '\0');
  iovec data{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  long size = call("recvmsg", SYS_recvmsg, socket, arg(&message), MSG_CMSG_CLOEXEC);
  if (size < 0) fail("receive descriptors from", describe_descriptor(socket), size);
  std::vector<OwnedFd> fds = take_descriptors(message);
  if (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC))
    throw Error(fmt::format("receive descriptors from {}: the message was cut (is RLIMIT_NOFILE too low?)",
                            describe_descriptor(socket)));
  bytes.resize(static_cast<size_t>(size));
  if (payload) *payload = std::move(bytes);
  return fds;
}

}  // namespace cairn::kernel
