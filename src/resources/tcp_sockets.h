// All tcp sockets of the host: what the kinds of tcp sockets have in common.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/sock_diag.h"
#include "resources/kind.h"

namespace cairn::resources {

// One dump for a whole checkpoint.
class TcpSockets {
 public:
  TcpSockets();
  const kernel::InetSocketInfo* find(uint32_t inode) const;  // null: it has no connection, or is of another namespace
  // The socket between these two, seen from `local`; an IPv4 address and the same one mapped to IPv6 are equal. Null:
  // there is none.
  const kernel::InetSocketInfo* find(const kernel::SocketAddress& local, const kernel::SocketAddress& remote) const;

 private:
  std::vector<kernel::InetSocketInfo> all_;
  std::unordered_map<uint32_t, size_t> by_inode_;
  std::unordered_map<std::string, size_t> by_ends_;
};

// The records of sockets that are bound and no connections, by port: what is bound there too is bound later.
struct BoundTcpSockets {
  std::multimap<uint32_t, RecordId> by_port;
};

// Keys of TCP-MD5 and TCP-AO can't be read.
void refuse_tcp_keys(DescribeContext& context, const DescriptionView& view);

// Ends what TIME_WAIT keeps of past connections between these two, or (`remote` empty) between this address and port
// and other sockets of this host: nothing of them can be on its way any more. False: there was none that could be
// ended.
bool end_past_connections(const kernel::SocketAddress& local, const kernel::SocketAddress& remote);

}  // namespace cairn::resources
