#include "kernel/socket_option_table.h"

#include <linux/in6.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "kernel/constants.h"

namespace cairn::kernel {
namespace {

using Use = TabledOption::Use;

// Options of headers that clash with those of the C library.
constexpr int kIpv6FlowInfo = 11, kIpv6FlowInfoSend = 33, kIpv6MinimumHops = 73, kIpv6OriginalDestination = 74;
constexpr int kUdpliteSendCoverage = 10, kUdpliteReceiveCoverage = 11;

#define CAIRN_OPTION(level, name, ...) \
  TabledOption { #name, level, name __VA_OPT__(, ) __VA_ARGS__ }
#define CAIRN_IP(name, ...) CAIRN_OPTION(IPPROTO_IP, name, __VA_ARGS__)
#define CAIRN_IPV6(name, ...) CAIRN_OPTION(IPPROTO_IPV6, name, __VA_ARGS__)
#define CAIRN_TCP(name, ...) CAIRN_OPTION(IPPROTO_TCP, name, __VA_ARGS__)
#define CAIRN_UDP(name, ...) CAIRN_OPTION(IPPROTO_UDP, name, __VA_ARGS__)
#define CAIRN_SOCKET(name, ...) CAIRN_OPTION(SOL_SOCKET, name, __VA_ARGS__)

constexpr TabledOption kTable[] = {
    // IP_TOS changes SO_PRIORITY.
    CAIRN_IP(IP_TOS),
    CAIRN_IP(IP_TTL),
    CAIRN_IP(IP_HDRINCL),
    CAIRN_IP(IP_OPTIONS, 40),
    CAIRN_IP(IP_RECVOPTS),
    CAIRN_IP(IP_RETOPTS),
    CAIRN_IP(IP_PKTINFO),
    CAIRN_IP(IP_MTU_DISCOVER),
    CAIRN_IP(IP_RECVERR),
    CAIRN_IP(IP_RECVTTL),
    CAIRN_IP(IP_RECVTOS),
    CAIRN_IP(IP_FREEBIND),
    CAIRN_IP(IP_PASSSEC),
    CAIRN_IP(IP_TRANSPARENT),
    CAIRN_IP(IP_RECVORIGDSTADDR),
    CAIRN_IP(IP_MINTTL),
    CAIRN_IP(IP_NODEFRAG),
    CAIRN_IP(IP_CHECKSUM),
    CAIRN_IP(IP_BIND_ADDRESS_NO_PORT),
    CAIRN_IP(IP_RECVFRAGSIZE),
    CAIRN_IP(IP_RECVERR_RFC4884),
    CAIRN_IP(IP_MULTICAST_IF),
    CAIRN_IP(IP_MULTICAST_TTL),
    CAIRN_IP(IP_MULTICAST_LOOP),
    CAIRN_IP(IP_MULTICAST_ALL),
    CAIRN_IP(IP_UNICAST_IF),
    CAIRN_IP(kIpLocalPortRange),

    CAIRN_IPV6(IPV6_2292PKTINFO),
    CAIRN_IPV6(IPV6_2292HOPOPTS),
    CAIRN_IPV6(IPV6_2292DSTOPTS),
    CAIRN_IPV6(IPV6_2292RTHDR),
    CAIRN_IPV6(IPV6_2292HOPLIMIT),
    CAIRN_IPV6(kIpv6FlowInfo),
    CAIRN_IPV6(IPV6_UNICAST_HOPS),
    CAIRN_IPV6(IPV6_MULTICAST_IF),
    CAIRN_IPV6(IPV6_MULTICAST_HOPS),
    CAIRN_IPV6(IPV6_MULTICAST_LOOP),
    CAIRN_IPV6(IPV6_MTU_DISCOVER),
    CAIRN_IPV6(IPV6_RECVERR),
    // bind(2) to one address sets it, connect(2) does not.
    CAIRN_IPV6(IPV6_V6ONLY, sizeof(int), Use::kBefore),
    CAIRN_IPV6(IPV6_MULTICAST_ALL),
    CAIRN_IPV6(IPV6_RECVERR_RFC4884),
    CAIRN_IPV6(kIpv6FlowInfoSend),
    CAIRN_IPV6(IPV6_RECVPKTINFO),
    CAIRN_IPV6(IPV6_RECVHOPLIMIT),
    CAIRN_IPV6(IPV6_RECVHOPOPTS),
    CAIRN_IPV6(IPV6_HOPOPTS, 256),
    CAIRN_IPV6(IPV6_RTHDRDSTOPTS, 256),
    CAIRN_IPV6(IPV6_RECVRTHDR),
    CAIRN_IPV6(IPV6_RTHDR, 256),
    CAIRN_IPV6(IPV6_RECVDSTOPTS),
    CAIRN_IPV6(IPV6_DSTOPTS, 256),
    CAIRN_IPV6(IPV6_RECVPATHMTU),
    CAIRN_IPV6(IPV6_DONTFRAG),
    CAIRN_IPV6(IPV6_RECVTCLASS),
    CAIRN_IPV6(IPV6_TCLASS),
    CAIRN_IPV6(IPV6_AUTOFLOWLABEL),
    CAIRN_IPV6(IPV6_ADDR_PREFERENCES),
    CAIRN_IPV6(kIpv6MinimumHops),
    CAIRN_IPV6(kIpv6OriginalDestination),
    CAIRN_IPV6(IPV6_TRANSPARENT),
    CAIRN_IPV6(IPV6_UNICAST_IF),
    CAIRN_IPV6(IPV6_RECVFRAGSIZE),
    CAIRN_IPV6(IPV6_FREEBIND),

    CAIRN_TCP(TCP_ULP, 16, Use::kRefused),
    CAIRN_TCP(TCP_CONGESTION, 16),
    CAIRN_TCP(TCP_NODELAY),
    CAIRN_TCP(TCP_MAXSEG, sizeof(int), Use::kBefore),
    CAIRN_TCP(TCP_CORK),
    CAIRN_TCP(TCP_KEEPIDLE),
    CAIRN_TCP(TCP_KEEPINTVL),
    CAIRN_TCP(TCP_KEEPCNT),
    CAIRN_TCP(TCP_SYNCNT),
    CAIRN_TCP(TCP_LINGER2),
    CAIRN_TCP(TCP_DEFER_ACCEPT),
    CAIRN_TCP(TCP_WINDOW_CLAMP),
    // Changes with the traffic of a connection.
    CAIRN_TCP(TCP_QUICKACK, sizeof(int), Use::kBefore),
    CAIRN_TCP(TCP_THIN_LINEAR_TIMEOUTS),
    CAIRN_TCP(TCP_USER_TIMEOUT),
    CAIRN_TCP(TCP_FASTOPEN),
    CAIRN_TCP(TCP_FASTOPEN_CONNECT, sizeof(int), Use::kBefore),
    CAIRN_TCP(TCP_FASTOPEN_KEY, 32),
    CAIRN_TCP(TCP_FASTOPEN_NO_COOKIE),
    CAIRN_TCP(TCP_NOTSENT_LOWAT),
    CAIRN_TCP(TCP_SAVE_SYN),
    CAIRN_TCP(TCP_INQ),
    CAIRN_TCP(TCP_TX_DELAY),
    CAIRN_TCP(kTcpRetransmitMaximum),
    CAIRN_TCP(kTcpRetransmitMinimum),
    CAIRN_TCP(kTcpDelayedAckMaximum),

    CAIRN_UDP(UDP_CORK),
    CAIRN_UDP(UDP_ENCAP),
    CAIRN_UDP(UDP_NO_CHECK6_TX),
    CAIRN_UDP(UDP_NO_CHECK6_RX),
    CAIRN_UDP(UDP_SEGMENT),
    CAIRN_UDP(UDP_GRO),
    CAIRN_OPTION(IPPROTO_UDPLITE, kUdpliteSendCoverage),
    CAIRN_OPTION(IPPROTO_UDPLITE, kUdpliteReceiveCoverage),

    CAIRN_SOCKET(SO_REUSEADDR),
    CAIRN_SOCKET(SO_REUSEPORT),
    CAIRN_SOCKET(SO_BINDTODEVICE, 16),
    CAIRN_SOCKET(SO_DONTROUTE),
    CAIRN_SOCKET(SO_BROADCAST),
    CAIRN_SOCKET(SO_KEEPALIVE),
    CAIRN_SOCKET(SO_OOBINLINE),
    CAIRN_SOCKET(SO_NO_CHECK),
    CAIRN_SOCKET(SO_PRIORITY),
    CAIRN_SOCKET(SO_LINGER, 8),
    CAIRN_SOCKET(SO_PASSCRED),
    CAIRN_SOCKET(SO_PASSSEC),
    CAIRN_SOCKET(kSoPassPidfd),
    CAIRN_SOCKET(kSoPassRights),
    CAIRN_SOCKET(kSoRcvPriority),
    CAIRN_SOCKET(kSoInq),
    CAIRN_SOCKET(SO_RCVTIMEO, 16),
    CAIRN_SOCKET(SO_SNDTIMEO, 16),
    CAIRN_SOCKET(SO_TIMESTAMP_OLD),
    CAIRN_SOCKET(SO_TIMESTAMPNS_OLD),
    CAIRN_SOCKET(SO_TIMESTAMP_NEW),
    CAIRN_SOCKET(SO_TIMESTAMPNS_NEW),
    CAIRN_SOCKET(SO_TIMESTAMPING_OLD, 8),
    // Setting it shows in the old one too, but not the other way round.
    CAIRN_SOCKET(SO_TIMESTAMPING_NEW, 8),
    CAIRN_SOCKET(SO_MARK),
    CAIRN_SOCKET(SO_RXQ_OVFL),
    CAIRN_SOCKET(SO_WIFI_STATUS),
    CAIRN_SOCKET(SO_PEEK_OFF),
    CAIRN_SOCKET(SO_NOFCS),
    CAIRN_SOCKET(SO_SELECT_ERR_QUEUE),
    CAIRN_SOCKET(SO_BUSY_POLL),
    CAIRN_SOCKET(SO_PREFER_BUSY_POLL),
    CAIRN_SOCKET(SO_INCOMING_CPU, sizeof(int), Use::kBefore),
    CAIRN_SOCKET(SO_MAX_PACING_RATE, 8),
    CAIRN_SOCKET(SO_ZEROCOPY),
    CAIRN_SOCKET(SO_TXTIME, 8),
    CAIRN_SOCKET(SO_TXREHASH),
    CAIRN_SOCKET(SO_RCVMARK),
    // SO_RCVLOWAT may enlarge the receive buffer of tcp, and setting a size locks it.
    CAIRN_SOCKET(SO_RCVLOWAT),
    CAIRN_SOCKET(SO_RCVBUF, sizeof(int), Use::kBufferSize),
    CAIRN_SOCKET(SO_SNDBUF, sizeof(int), Use::kBufferSize),
    CAIRN_SOCKET(SO_BUF_LOCK),
    CAIRN_SOCKET(SO_RESERVE_MEM),
    CAIRN_SOCKET(SO_LOCK_FILTER),
};

// A stream has them, and they can't be set: an accepted connection has the TTL of its first segment there.
bool is_of_multicast(const TabledOption& option) {
  return (option.level == IPPROTO_IP && (option.number == IP_MULTICAST_TTL || option.number == IP_MULTICAST_IF)) ||
         (option.level == IPPROTO_IPV6 && (option.number == IPV6_MULTICAST_HOPS || option.number == IPV6_MULTICAST_IF));
}

}  // namespace

std::span<const TabledOption> socket_option_table() { return kTable; }

bool may_have_option(const TabledOption& option, int family, int protocol) {
  if (protocol == IPPROTO_TCP && is_of_multicast(option)) return false;
  bool is_inet = family == AF_INET || family == AF_INET6;
  switch (option.level) {
    case SOL_SOCKET:
      return true;
    case IPPROTO_IP:
      return is_inet;
    case IPPROTO_IPV6:
      return family == AF_INET6;
    case IPPROTO_UDP:
      return is_inet && (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE);
    default:
      return is_inet && protocol == option.level;
  }
}

}  // namespace cairn::kernel
