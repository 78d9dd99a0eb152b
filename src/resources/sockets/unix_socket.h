// The two halves of the kind unix_socket; see unix_socket.cc.
#pragma once

#include <map>
#include <string>

#include "kernel/sock_diag.h"
#include "resources/kind.h"
#include "resources/sockets/unix_socket.pb.h"

namespace cairn::resources {

// Rules and remedies of obstacles.
constexpr const char* kUnixRule = "unix sockets";
constexpr const char* kUnixAgain = "again: it will be read";

constexpr int kListenState = 10;                        // TCP_LISTEN
constexpr int kReceiveShutdown = 1, kSendShutdown = 2;  // RCV_SHUTDOWN, SEND_SHUTDOWN of include/net/sock.h

inline bool is_abstract(const std::string& name) { return name.starts_with('\0'); }

// All unix sockets of the host, and which records they have in this checkpoint.
struct UnixSockets {
  struct Member {
    RecordId record;
    HostPid holder;
    std::string place;
  };
  std::map<uint32_t, kernel::UnixSocketInfo> by_inode;
  std::map<uint32_t, Member> members;

  UnixSockets();
  const Member* member(uint32_t inode) const {
    auto place = members.find(inode);
    return place == members.end() ? nullptr : &place->second;
  }
  // Who has (and, unlike an accepted socket, holds) this name. A path may be relative: one of the tree comes first.
  const kernel::UnixSocketInfo* listener_at(const std::string& name) const { return find(listeners_, name); }
  const kernel::UnixSocketInfo* datagram_socket_at(const std::string& name) const { return find(datagrams_, name); }

 private:
  using Index = std::multimap<std::string, uint32_t>;

  const kernel::UnixSocketInfo* find(const Index& index, const std::string& name) const {
    auto [first, last] = index.equal_range(name);
    if (first == last) return nullptr;
    auto member = std::find_if(first, last, [&](const auto& entry) { return members.contains(entry.second); });
    return &by_inode.at((member == last ? first : member)->second);
  }

  Index listeners_, datagrams_;
};

// When all are known: who is connected to whom.
void link_unix_socket(DescribeContext& context, uint32_t inode);

image::UnixSocket describe_unix_socket(DescribeContext& context, const DescriptionView& view);

OwnedFd create_unix_socket(RestoreContext& context, const image::UnixSocket& state);
void connect_unix_socket(RestoreContext& context, const image::UnixSocket& state, int fd);
void check_unix_socket(CheckContext& context, const image::UnixSocket& state);

}  // namespace cairn::resources
