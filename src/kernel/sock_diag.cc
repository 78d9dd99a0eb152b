#include "kernel/sock_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/syscall.h>

#include "kernel/calls.h"
#include "kernel/socket.h"

namespace cairn::kernel {
namespace {

using Bytes = std::span<const std::byte>;

template <typename T>
T take_struct(Bytes bytes, const char* what) {
  if (bytes.size() < sizeof(T)) throw Error(fmt::format("sock_diag: {} of {} bytes", what, bytes.size()));
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

// Attributes of routing netlink style, as far as they are whole.
void for_each_attribute(Bytes bytes, const std::function<void(int type, Bytes value)>& visit) {
  while (bytes.size() >= sizeof(rtattr)) {
    auto header = take_struct<rtattr>(bytes, "attribute");
    if (header.rta_len < sizeof(rtattr) || header.rta_len > bytes.size())
      throw Error(fmt::format("sock_diag: an attribute of {} bytes", header.rta_len));
    visit(header.rta_type & NLA_TYPE_MASK, bytes.subspan(sizeof(rtattr), header.rta_len - sizeof(rtattr)));
    bytes = bytes.subspan(std::min<size_t>(RTA_ALIGN(header.rta_len), bytes.size()));
  }
}

Bytes after(Bytes bytes, size_t size) { return bytes.subspan(std::min(NLMSG_ALIGN(size), bytes.size())); }

std::string name_of(Bytes value) {
  std::string name(reinterpret_cast<const char*>(value.data()), value.size());
  if (!name.empty() && name.front() != '\0') name.resize(std::min(name.find('\0'), name.size()));
  return name;
}

void take_unix_attribute(UnixSocketInfo& info, int type, Bytes value) {
  switch (type) {
    case UNIX_DIAG_NAME:
      info.name = name_of(value);
      break;
    case UNIX_DIAG_PEER:
      info.peer = take_struct<uint32_t>(value, "peer");
      break;
    case UNIX_DIAG_ICONS:
      for (; value.size() >= sizeof(uint32_t); value = value.subspan(sizeof(uint32_t)))
        info.waiting.push_back(take_struct<uint32_t>(value, "inode"));
      break;
    case UNIX_DIAG_RQLEN: {
      auto lengths = take_struct<unix_diag_rqlen>(value, "queue lengths");
      info.receive_queue = lengths.udiag_rqueue;
      info.send_queue = lengths.udiag_wqueue;
      break;
    }
    case UNIX_DIAG_SHUTDOWN:
      info.shutdown = take_struct<uint8_t>(value, "shutdown");
      break;
    default:
      break;
  }
}

SocketAddress address_of(int family, const uint32_t (&words)[4], uint16_t port_in_network_order) {
  size_t size = family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr);
  return SocketAddress::inet({reinterpret_cast<const char*>(words), size}, ntohs(port_in_network_order));
}

void put_address(const SocketAddress& address, uint32_t (&words)[4], uint16_t& port) {
  std::string bytes = address.inet_address();
  std::memcpy(words, bytes.data(), std::min(bytes.size(), sizeof(words)));
  port = htons(address.port());
}

template <typename Request>
void dump(const Request& request, const std::function<void(Bytes)>& visit) {
  struct {
    nlmsghdr header;
    Request request;
  } message{};
  message.header.nlmsg_len = sizeof(message);
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request = request;
  OwnedFd netlink = make_socket({AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG});
  checked("sendto sock_diag", SYS_sendto, netlink.get(), arg(&message), sizeof(message));
  std::vector<std::byte> buffer(256 * 1024);
  for (bool more = true; more;) {
    long size = checked("recvfrom sock_diag", SYS_recvfrom, netlink.get(), arg(buffer.data()),
                        static_cast<long>(buffer.size()));
    more = for_each_diag_message(Bytes(buffer).first(static_cast<size_t>(size)), visit);
  }
}

}  // namespace

bool for_each_diag_message(Bytes received, const std::function<void(Bytes)>& visit) {
  while (received.size() >= sizeof(nlmsghdr)) {
    auto header = take_struct<nlmsghdr>(received, "message");
    if (header.nlmsg_len < sizeof(nlmsghdr) || header.nlmsg_len > received.size())
      throw Error(fmt::format("sock_diag: a message of {} bytes", header.nlmsg_len));
    Bytes payload = received.subspan(sizeof(nlmsghdr), header.nlmsg_len - sizeof(nlmsghdr));
    // The end of a dump carries 0 or the reason why it ended early.
    bool is_end = header.nlmsg_type == NLMSG_DONE;
    if (header.nlmsg_type == NLMSG_ERROR || (is_end && !payload.empty())) {
      if (int error = take_struct<int>(payload, "error"); error < 0 && error > -4096)
        throw Error::system("sock_diag: dump sockets", -error);
    }
    if (is_end) return false;
    if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY) visit(payload);
    received = received.subspan(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), received.size()));
  }
  return true;
}

UnixSocketInfo parse_unix_socket(Bytes payload) {
  auto message = take_struct<unix_diag_msg>(payload, "unix socket");
  UnixSocketInfo info;
  info.inode = message.udiag_ino;
  info.type = message.udiag_type;
  info.state = message.udiag_state;
  for_each_attribute(after(payload, sizeof(message)),
                     [&](int type, Bytes value) { take_unix_attribute(info, type, value); });
  return info;
}

InetSocketInfo parse_inet_socket(Bytes payload) {
  auto message = take_struct<inet_diag_msg>(payload, "inet socket");
  InetSocketInfo info;
  info.family = message.idiag_family;
  info.state = message.idiag_state;
  info.local = address_of(info.family, message.id.idiag_src, message.id.idiag_sport);
  info.remote = address_of(info.family, message.id.idiag_dst, message.id.idiag_dport);
  info.interface = message.id.idiag_if;
  info.receive_queue = message.idiag_rqueue;
  info.send_queue = message.idiag_wqueue;
  info.user = message.idiag_uid;
  info.inode = message.idiag_inode;
  info.cookie = {message.id.idiag_cookie[0], message.id.idiag_cookie[1]};
  for_each_attribute(after(payload, sizeof(message)), [&](int type, Bytes value) {
    if (type == INET_DIAG_SHUTDOWN) info.shutdown = take_struct<uint8_t>(value, "shutdown");
    if (type == INET_DIAG_MD5SIG) info.signed_segments = !value.empty();
  });
  return info;
}

std::vector<UnixSocketInfo> dump_unix_sockets() {
  unix_diag_req request{};
  request.sdiag_family = AF_UNIX;
  request.udiag_states = ~0u;
  request.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN;
  std::vector<UnixSocketInfo> sockets;
  dump(request, [&](Bytes payload) { sockets.push_back(parse_unix_socket(payload)); });
  return sockets;
}

std::vector<InetSocketInfo> dump_inet_sockets(int family, int protocol) {
  inet_diag_req_v2 request{};
  request.sdiag_family = static_cast<uint8_t>(family);
  request.sdiag_protocol = static_cast<uint8_t>(protocol);
  request.idiag_states = ~0u;
  std::vector<InetSocketInfo> sockets;
  dump(request, [&](Bytes payload) { sockets.push_back(parse_inet_socket(payload)); });
  return sockets;
}

int try_end_time_wait(const InetSocketInfo& past) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } message{};
  message.header.nlmsg_len = sizeof(message);
  message.header.nlmsg_type = SOCK_DESTROY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  message.request.sdiag_family = static_cast<uint8_t>(past.family);
  message.request.sdiag_protocol = IPPROTO_TCP;
  put_address(past.local, message.request.id.idiag_src, message.request.id.idiag_sport);
  put_address(past.remote, message.request.id.idiag_dst, message.request.id.idiag_dport);
  message.request.id.idiag_if = past.interface;
  std::copy(past.cookie.begin(), past.cookie.end(), message.request.id.idiag_cookie);
  OwnedFd netlink = make_socket({AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG});
  checked("sendto sock_diag", SYS_sendto, netlink.get(), arg(&message), sizeof(message));
  struct {
    nlmsghdr header;
    nlmsgerr error;
  } answer{};
  checked("recvfrom sock_diag", SYS_recvfrom, netlink.get(), arg(&answer), sizeof(answer), MSG_TRUNC);
  return answer.error.error;
}

std::string tcp_state_name(int state) {
  static constexpr const char* kNames[] = {"?",         "ESTABLISHED", "SYN_SENT",    "SYN_RECV",   "FIN_WAIT1",
                                           "FIN_WAIT2", "TIME_WAIT",   "CLOSE",       "CLOSE_WAIT", "LAST_ACK",
                                           "LISTEN",    "CLOSING",     "NEW_SYN_RECV"};
  return state >= 0 && static_cast<size_t>(state) < std::size(kNames) ? kNames[state] : kNames[0];
}

}  // namespace cairn::kernel
