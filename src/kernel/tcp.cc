#include "kernel/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/syscall.h>

#include <algorithm>
#include <vector>

#include "kernel/described_object.h"

namespace cairn::kernel {
namespace {

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

template <typename T>
void set_option(int fd, int option, const T& value, const char* what) {
  int result = try_set_socket_option(fd, IPPROTO_TCP, option, bytes_of(value));
  if (result < 0) fail(what, describe_descriptor(fd), result);
}

std::string peek(int fd, long size) {
  std::string data(static_cast<size_t>(std::max(size, 0L)), '\0');
  if (data.empty()) return data;
  long count = call("recvfrom MSG_PEEK", SYS_recvfrom, fd, arg(data.data()), static_cast<long>(data.size()),
                    MSG_PEEK | MSG_DONTWAIT);
  if (count < 0 && count != -EAGAIN) fail("recvfrom MSG_PEEK", describe_descriptor(fd), count);
  data.resize(static_cast<size_t>(std::max(count, 0L)));
  return data;
}

void choose_queue(int fd, TcpQueue queue) {
  set_option(fd, TCP_REPAIR_QUEUE, static_cast<int>(queue), "choose the tcp queue of");
}

// While the send queue is chosen the kernel would mark what it sends as sent without sending it.
class ChosenQueue {
 public:
  ChosenQueue(int fd, TcpQueue queue) : fd_(fd) { choose_queue(fd, queue); }
  ChosenQueue(const ChosenQueue&) = delete;
  ~ChosenQueue() { put_back_socket_option(fd_, IPPROTO_TCP, TCP_REPAIR_QUEUE, bytes_of(kNone)); }

 private:
  static constexpr int kNone = 0;
  int fd_;
};

}  // namespace

bool is_tcp(const SocketType& type) {
  return (type.family == AF_INET || type.family == AF_INET6) && type.type == SOCK_STREAM &&
         type.protocol == IPPROTO_TCP;
}

TcpInfo tcp_info(int fd) {
  std::string bytes = try_socket_option(fd, IPPROTO_TCP, TCP_INFO, sizeof(::tcp_info)).value_or("");
  struct tcp_info told {};
  std::memcpy(&told, bytes.data(), std::min(bytes.size(), sizeof(told)));
  auto has = [&](int option) { return (told.tcpi_options & option) != 0; };
  return {.state = told.tcpi_state,
          .time_stamps = has(TCPI_OPT_TIMESTAMPS),
          .selective = has(TCPI_OPT_SACK),
          .scaling = has(TCPI_OPT_WSCALE),
          .send_scale = told.tcpi_snd_wscale,
          .receive_scale = told.tcpi_rcv_wscale,
          .waiting = told.tcpi_unacked,
          .backlog = told.tcpi_sacked};
}

// A socket whose connection has ended is in state CLOSE, as a fresh one is, but shut down or in error.
bool is_tcp_connection(int fd) {
  int state = tcp_info(fd).state;
  if (state == TCP_LISTEN) return false;
  return state != TCP_CLOSE || (poll_now(fd, POLLRDHUP) & (POLLRDHUP | POLLERR)) != 0;
}

bool can_repair_tcp() {
  OwnedFd fd = make_socket({AF_INET, SOCK_STREAM, IPPROTO_TCP});
  int on = TCP_REPAIR_ON;
  return try_set_socket_option(fd.get(), IPPROTO_TCP, TCP_REPAIR, bytes_of(on)) == 0;
}

void enter_tcp_repair(int fd) { set_option(fd, TCP_REPAIR, int{TCP_REPAIR_ON}, "repair (TCP_REPAIR)"); }

void leave_tcp_repair(int fd, bool reuse_address) {
  set_option(fd, TCP_REPAIR, kLeaveRepairSilently, "end the repair of");
  set_socket_option(fd, SOL_SOCKET, SO_REUSEADDR, reuse_address ? 1 : 0);
}

uint32_t tcp_sequence(int fd, TcpQueue queue) {
  ChosenQueue chosen(fd, queue);
  return static_cast<uint32_t>(socket_option(fd, IPPROTO_TCP, TCP_QUEUE_SEQ));
}

void set_tcp_sequence(int fd, TcpQueue queue, uint32_t number) {
  ChosenQueue chosen(fd, queue);
  set_option(fd, TCP_QUEUE_SEQ, number, "set the sequence number of");
}

std::string peek_tcp_queue(int fd, TcpQueue queue) {
  long size = queue == TcpQueue::kSend ? unsent_bytes(fd) : unread_bytes(fd);
  if (size <= 0) return {};
  ChosenQueue chosen(fd, queue);
  return peek(fd, size);
}

void fill_tcp_receive_queue(int fd, std::string_view data) {
  if (data.empty()) return;
  ChosenQueue chosen(fd, TcpQueue::kReceive);
  while (!data.empty()) {
    long count =
        call("sendto", SYS_sendto, fd, arg(data.data()), static_cast<long>(data.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count <= 0) fail("fill the queue of", describe_descriptor(fd), count);
    data.remove_prefix(static_cast<size_t>(count));
  }
}

TcpWindow tcp_window(int fd) {
  auto told = try_socket_option_as<tcp_repair_window>(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW);
  if (!told) fail("read the window of", describe_descriptor(fd), -ENOPROTOOPT);
  return {told->snd_wl1, told->snd_wnd, told->max_window, told->rcv_wnd, told->rcv_wup};
}

void set_tcp_window(int fd, const TcpWindow& window) {
  tcp_repair_window wanted{window.send_update, window.send, window.largest_send, window.receive, window.receive_update};
  set_option(fd, TCP_REPAIR_WINDOW, wanted, "set the window of");
}

void set_tcp_agreement(int fd, const TcpAgreement& agreement) {
  std::vector<tcp_repair_opt> options{{TCPOPT_MAXSEG, agreement.largest_segment}};
  constexpr int kReceiveScaleShift = 16;
  if (agreement.scaling)
    options.push_back({TCPOPT_WINDOW, agreement.send_scale | agreement.receive_scale << kReceiveScaleShift});
  if (agreement.selective) options.push_back({TCPOPT_SACK_PERMITTED, 0});
  if (agreement.time_stamps) options.push_back({TCPOPT_TIMESTAMP, 0});
  std::string_view bytes(reinterpret_cast<const char*>(options.data()), options.size() * sizeof(tcp_repair_opt));
  int result = try_set_socket_option(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, bytes);
  if (result < 0) fail("set the options of", describe_descriptor(fd), result);
}

std::string peek_tcp_unread(int fd) { return peek(fd, unread_bytes(fd)); }

void settle_tcp_segment_size(int fd) {
  constexpr size_t kMostOptions = 40;
  std::string options = try_socket_option(fd, IPPROTO_IP, IP_OPTIONS, kMostOptions).value_or("");
  int result = try_set_socket_option(fd, IPPROTO_IP, IP_OPTIONS, options);
  if (result < 0) fail("setsockopt IP_OPTIONS of", describe_descriptor(fd), result);
}

}  // namespace cairn::kernel
