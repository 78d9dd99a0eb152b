// The options of sockets that can be read by getsockopt(2) and set by setsockopt(2) in the same form, in the order in
// which they are set: an option may change another that comes later. Source: net/core/sock.c, net/ipv4/ip_sockglue.c,
// net/ipv6/ipv6_sockglue.c, net/ipv4/tcp.c, net/ipv4/udp.c of Linux 6.18.
//
// Not among them: what is state and no option (SO_ERROR, which reading clears; SO_ACCEPTCONN, SO_PEERCRED, TCP_INFO),
// and what the kernel never tells: BPF programs of a SO_REUSEPORT group, IPsec policies, IPV6_PKTINFO, IPV6_MTU, the
// interface index of IP_MULTICAST_IF, multicast memberships.
#pragma once

#include <cstddef>
#include <span>

namespace cairn::kernel {

struct TabledOption {
  const char* name;
  int level, number;
  size_t size = sizeof(int);  // of the largest value
  enum class Use {
    kPlain,
    kBufferSize,  // the kernel doubles what it is given, and more than the sysctl needs the forced form
    kRefused,     // can't be set back: must be empty
    kBefore,      // of a tcp connection it tells what that has come to, and decides nothing any more
  } use = Use::kPlain;
};

// Those that a socket of this family and protocol may have; the kernel refuses those that it doesn't.
std::span<const TabledOption> socket_option_table();
bool may_have_option(const TabledOption& option, int family, int protocol);

}  // namespace cairn::kernel
