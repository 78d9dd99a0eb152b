// The receive queue of a unix socket: peeked at message by message, and filled again.
//
// MSG_PEEK shows the first message only, or a stream up to the next message with descriptors; SO_PEEK_OFF shows what
// follows. Setting it is a toggle on a live socket, which is the caller's business: so is putting it back. What
// peeking leaves behind: an empty datagram that was peeked at is marked, and under SO_PEEK_OFF it is then skipped
// (__skb_try_recv_from_queue), so that it can be seen once only.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/owned_fd.h"
#include "kernel/socket.h"

namespace cairn::kernel {

struct QueuedMessage {
  std::string data;
  SocketAddress sender;              // of datagrams; empty when the sender has no name
  std::vector<OwnedFd> descriptors;  // SCM_RIGHTS: duplicates of our own
  std::optional<ucred> credentials;  // SCM_CREDENTIALS, where the receiver has SO_PASSCRED
  bool has_time = false;             // SO_TIMESTAMP and its kin: when it was sent
};

// All messages of a datagram or seqpacket queue. REQUIRES: SO_PEEK_OFF is 0; for a seqpacket socket that was shut down,
// SO_PASSCRED is on (nothing else tells an empty message from the end of file).
std::vector<QueuedMessage> peek_messages(int fd);
// A stream in pieces, each as far as one read can go: to the end of bytes that carry descriptors (but not telling where
// those begin), or to another sender where the receiver has SO_PASSCRED. REQUIRES: SO_PEEK_OFF is 0 if there can be
// several.
std::vector<QueuedMessage> peek_stream(int fd);
// SIOCOUTQ of a sender whose peer has exactly these messages unread: whether one was overlooked shows in it, since the
// kernel counts the memory of each, also of an empty one.
long memory_of_messages(const SocketType& type, std::span<const std::string_view> messages);

struct OutgoingMessage {
  std::string_view data;
  std::span<const int> descriptors;
  std::optional<ucred> credentials;
  const SocketAddress* to = nullptr;  // null: the peer
};
// Sends it all; what would block is an Error.
void send_message(int fd, const OutgoingMessage& message);

// Lifts the limit of a buffer (SO_SNDBUF or SO_RCVBUF) for a while, as far as we may (SO_SNDBUFFORCE, else
// net.core.wmem_max). The destructor puts size and lock back.
class RoomyBuffer {
 public:
  RoomyBuffer(int fd, int option);
  RoomyBuffer(const RoomyBuffer&) = delete;
  ~RoomyBuffer();

 private:
  int fd_, option_, forced_;
  int size_, locks_;
};

class RoomySendBuffer : public RoomyBuffer {
 public:
  explicit RoomySendBuffer(int fd) : RoomyBuffer(fd, SO_SNDBUF) {}
};

// A socket that wants the credentials of senders (SO_PASSCRED, SO_PASSPIDFD) makes the kernel stamp what it sends and
// what it is sent, and gives it a name when it has none. This switches that off for a while.
class Discreet {
 public:
  explicit Discreet(int fd);
  Discreet(const Discreet&) = delete;
  ~Discreet();

 private:
  int fd_;
  bool credentials_, pidfd_;
};

// Sets SO_SNDBUF or SO_RCVBUF (`option`) so that getsockopt gives `value`: the kernel doubles what it is given. False
// when that can't be reached with our rights.
bool set_buffer_size(int fd, int option, int value);

}  // namespace cairn::kernel
