// udp(7), IPv4 and IPv6: bound, connected or only made. There is no connection to lose: the peer never knows that it
// was away, and what was sent meanwhile is lost, as datagrams may be.
//
// Refused, each with the remedy to try again: unread datagrams (they can be read, but not put back with their senders),
// corked data that has not been sent (UDP_CORK, MSG_MORE), messages in the error queue. Refused: memberships of
// multicast groups.
#include <netinet/in.h>
#include <sys/syscall.h>

#include <set>
#include <sstream>

#include "kernel/socket.h"
#include "resources/inet_binding.h"
#include "resources/sockets/udp_socket.pb.h"

namespace cairn::resources {
namespace {

constexpr const char* kAgain = "again";
constexpr const char* kRule = "udp sockets";

// The multicast groups that sockets of this host have joined, by interface; which socket it was is told by asking each.
struct MulticastGroups {
  std::set<std::pair<uint32_t, std::string>> all;  // interface, address

  MulticastGroups() {
    read_four(kernel::read_file("/proc/net/igmp"));
    // There is none without IPv6.
    if (auto file = kernel::try_open_at(AT_FDCWD, "/proc/net/igmp6", O_RDONLY)) read_six(kernel::read_all(file->get()));
  }

 private:
  // "2 eth0 : 1 V3", then for each group of that interface, indented: "010000E0 1 0:00000000 0".
  void read_four(const std::string& text) {
    std::istringstream lines(text);
    uint32_t interface = 0;
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string word;
      words >> word;
      if (!line.starts_with('\t')) {
        if (std::isdigit(static_cast<unsigned char>(word.front()))) interface = static_cast<uint32_t>(std::stoul(word));
        continue;
      }
      auto group = static_cast<uint32_t>(std::stoul(word, nullptr, 16));  // as the processor reads network order
      all.emplace(interface, std::string(reinterpret_cast<const char*>(&group), sizeof(group)));
    }
  }
  // "2 eth0 ff0200000000000000000000000000fb 1 0000000C 0".
  void read_six(const std::string& text) {
    std::istringstream lines(text);
    uint32_t interface = 0;
    std::string device, digits, rest;
    while (lines >> interface >> device >> digits && std::getline(lines, rest)) {
      std::string address;
      for (size_t at = 0; at + 2 <= digits.size(); at += 2)
        address += static_cast<char>(std::stoul(digits.substr(at, 2), nullptr, 16));
      all.emplace(interface, address);
    }
  }
};

bool is_member(int fd, uint32_t interface, const std::string& address) {
  kernel::SocketAddress group = kernel::SocketAddress::inet(address, 0);
  group_filter filter{};
  filter.gf_interface = interface;
  std::memcpy(&filter.gf_group, group.get(), group.length());
  socklen_t size = GROUP_FILTER_SIZE(0);
  int level = group.family() == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
  return kernel::call("getsockopt MCAST_MSFILTER", SYS_getsockopt, fd, level, MCAST_MSFILTER, kernel::arg(&filter),
                      kernel::arg(&size)) >= 0;
}

class UdpSocketKind final : public DescriptionKind<image::UdpSocket> {
 public:
  bool recognises(const DescriptionView& view) const override {
    if (!view.link().starts_with("socket:[")) return false;
    kernel::SocketType type = kernel::socket_type(view.fd());
    return (type.family == AF_INET || type.family == AF_INET6) && type.type == SOCK_DGRAM &&
           type.protocol == IPPROTO_UDP;
  }

  image::UdpSocket describe(DescribeContext& context, const DescriptionView& view) const override {
    image::UdpSocket state;
    *state.mutable_binding() = describe_binding(view);
    if (auto peer = kernel::try_peer_name(view.fd())) {
      state.set_peer_address(peer->inet_address());
      state.set_peer_port(peer->port());
      if (peer->scope() != 0) state.set_peer_scope(peer->scope());
    }
    refuse_queues(context, view.fd());
    refuse_memberships(context, view.fd(), state.binding().ipv6());
    return state;
  }

  OwnedFd create(RestoreContext&, const image::UdpSocket& state) const override {
    OwnedFd fd = make_bound(state.binding(), SOCK_DGRAM, IPPROTO_UDP);
    if (!state.has_peer_address()) return fd;
    auto peer =
        kernel::SocketAddress::inet(state.peer_address(), static_cast<uint16_t>(state.peer_port()), state.peer_scope());
    kernel::connect(fd.get(), peer);
    return fd;
  }

  void check(CheckContext& context, const image::UdpSocket& state) const override {
    check_binding(context, state.binding(), SOCK_DGRAM, IPPROTO_UDP);
  }

 private:
  static void refuse_queues(DescribeContext& context, int fd) {
    std::string name = kernel::socket_name(fd).text();
    short events = kernel::poll_now(fd, POLLIN);
    if ((events & POLLERR) != 0)
      context.passing_obstacle(fmt::format("udp {}: an error is pending that the program has not seen", name), kAgain,
                               kRule);
    else if ((events & POLLIN) != 0)
      context.passing_obstacle(fmt::format("udp {}: datagrams are unread", name), kAgain, kRule);
    if (kernel::unsent_bytes(fd) > 0)
      context.passing_obstacle(fmt::format("udp {}: data is not sent yet", name), kAgain, kRule);
  }

  static void refuse_memberships(DescribeContext& context, int fd, bool ipv6) {
    for (const auto& [interface, address] : context.once<MulticastGroups>().all) {
      bool is_six = address.size() == sizeof(in6_addr);
      if ((is_six && !ipv6) || !is_member(fd, interface, address)) continue;
      context.obstacle(fmt::format("it is a member of multicast group {} on interface {}",
                                   kernel::SocketAddress::inet(address, 0).text(), interface),
                       "leave the group before the checkpoint", kRule);
    }
  }
};

}  // namespace

const Kind& udp_socket_kind() {
  static const UdpSocketKind kKind;
  return kKind;
}

}  // namespace cairn::resources
