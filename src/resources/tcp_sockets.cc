#include "resources/tcp_sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "kernel/socket.h"

namespace cairn::resources {
namespace {

using kernel::InetSocketInfo;
using kernel::SocketAddress;

constexpr int kTcpAoInfo = 40;  // TCP_AO_INFO, 6.7

std::string plain_address(const SocketAddress& address) {
  static const std::string kMapped = std::string(10, '\0') + "\xff\xff";
  std::string bytes = address.inet_address();
  return bytes.starts_with(kMapped) ? bytes.substr(kMapped.size()) : bytes;
}

std::string end_key(const SocketAddress& address) {
  return fmt::format("{} {}", plain_address(address), address.port());
}

std::string ends_key(const SocketAddress& local, const SocketAddress& remote) {
  return end_key(local) + " " + end_key(remote);
}

std::vector<InetSocketInfo> dump_all() {
  std::vector<InetSocketInfo> all;
  for (int family : {AF_INET, AF_INET6})
    for (InetSocketInfo& info : kernel::dump_inet_sockets(family, IPPROTO_TCP)) all.push_back(std::move(info));
  return all;
}

bool is_loopback(const SocketAddress& address) {
  std::string bytes = plain_address(address);
  return bytes.size() == sizeof(in_addr) && bytes.front() == IN_LOOPBACKNET;
}

bool is_of_this_host(const InetSocketInfo& info) {
  return is_loopback(info.remote) || plain_address(info.local) == plain_address(info.remote);
}

bool is_between(const InetSocketInfo& info, const SocketAddress& local, const SocketAddress& remote) {
  if (!remote.empty()) return ends_key(info.local, info.remote) == ends_key(local, remote);
  bool is_at = local.is_any() || plain_address(local) == plain_address(info.local);
  return is_at && info.local.port() == local.port() && is_of_this_host(info);
}

}  // namespace

TcpSockets::TcpSockets() : all_(dump_all()) {
  for (size_t i = 0; i < all_.size(); ++i) {
    if (all_[i].inode != 0) by_inode_.emplace(all_[i].inode, i);
    if (all_[i].state != TCP_LISTEN) by_ends_.emplace(ends_key(all_[i].local, all_[i].remote), i);
  }
}

const InetSocketInfo* TcpSockets::find(uint32_t inode) const {
  auto place = by_inode_.find(inode);
  return place == by_inode_.end() ? nullptr : &all_[place->second];
}

const InetSocketInfo* TcpSockets::find(const SocketAddress& local, const SocketAddress& remote) const {
  auto place = by_ends_.find(ends_key(local, remote));
  return place == by_ends_.end() ? nullptr : &all_[place->second];
}

void refuse_tcp_keys(DescribeContext& context, const DescriptionView& view) {
  const InetSocketInfo* info = context.once<TcpSockets>().find(static_cast<uint32_t>(view.stat().st_ino));
  bool is_signed = info != nullptr && info->signed_segments;  // told to the privileged
  if (is_signed || kernel::try_socket_option(view.fd(), IPPROTO_TCP, kTcpAoInfo)) {
    context.obstacle("it has keys for signed segments (TCP_MD5SIG or TCP_AO), which can't be read",
                     "remove the keys, or close the socket", "tcp keys");
  }
}

bool end_past_connections(const SocketAddress& local, const SocketAddress& remote) {
  bool ended = false;
  for (const InetSocketInfo& info : dump_all()) {
    if (info.state == TCP_TIME_WAIT && is_between(info, local, remote))
      ended = kernel::try_end_time_wait(info) == 0 || ended;
  }
  return ended;
}

}  // namespace cairn::resources
