// sock_diag: bytes that the kernel could send, and what this kernel sends about sockets of our own.
#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>

#include "kernel/sock_diag.h"
#include "kernel/socket.h"

namespace cairn::kernel {
namespace {

using Bytes = std::vector<std::byte>;

void append(Bytes& bytes, const void* data, size_t size, size_t alignment = 1) {
  const auto* from = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), from, from + size);
  bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
}

void append_attribute(Bytes& bytes, uint16_t type, std::string_view value) {
  rtattr header{static_cast<uint16_t>(sizeof(rtattr) + value.size()), type};
  append(bytes, &header, sizeof(header));
  append(bytes, value.data(), value.size(), 4);
}

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

Bytes message(uint16_t type, const Bytes& payload) {
  Bytes bytes;
  nlmsghdr header{static_cast<uint32_t>(sizeof(nlmsghdr) + payload.size()), type, NLM_F_MULTI, 1, 0};
  append(bytes, &header, sizeof(header));
  append(bytes, payload.data(), payload.size(), 4);
  return bytes;
}

Bytes unix_payload() {
  Bytes payload;
  unix_diag_msg head{AF_UNIX, SOCK_STREAM, 10, 0, 0xf0000001u, {1, 2}};
  append(payload, &head, sizeof(head));
  append_attribute(payload, UNIX_DIAG_NAME, std::string_view("\0abstract\0x", 11));
  uint32_t waiting[] = {7, 9};
  append_attribute(payload, UNIX_DIAG_ICONS, bytes_of(waiting));
  append_attribute(payload, UNIX_DIAG_PEER, bytes_of(uint32_t{0xfffffff0u}));
  append_attribute(payload, UNIX_DIAG_RQLEN, bytes_of(unix_diag_rqlen{2, 128}));
  append_attribute(payload, UNIX_DIAG_SHUTDOWN, bytes_of(uint8_t{3}));
  append_attribute(payload, 99, "of a newer kernel");
  return payload;
}

TEST(SockDiag, UnixSocketOfAllAttributes) {
  UnixSocketInfo info = parse_unix_socket(unix_payload());
  EXPECT_EQ(info.inode, 0xf0000001u);
  EXPECT_EQ(info.type, SOCK_STREAM);
  EXPECT_EQ(info.state, 10);
  EXPECT_EQ(info.name, std::string("\0abstract\0x", 11));
  EXPECT_EQ(info.peer, 0xfffffff0u);
  EXPECT_EQ(info.waiting, (std::vector<uint32_t>{7, 9}));
  EXPECT_EQ(info.receive_queue, 2u);
  EXPECT_EQ(info.send_queue, 128u);
  EXPECT_EQ(info.shutdown, 3);
}

TEST(SockDiag, PathEndsAtItsZeroByte) {
  Bytes payload;
  unix_diag_msg head{AF_UNIX, SOCK_DGRAM, 7, 0, 5, {}};
  append(payload, &head, sizeof(head));
  append_attribute(payload, UNIX_DIAG_NAME, std::string_view("/run/x\0", 7));
  UnixSocketInfo info = parse_unix_socket(payload);
  EXPECT_EQ(info.name, "/run/x");
  EXPECT_FALSE(info.peer);
}

TEST(SockDiag, InetSocketOfBothFamilies) {
  Bytes payload;
  inet_diag_msg head{};
  head.idiag_family = AF_INET6;
  head.idiag_state = TCP_ESTABLISHED;
  head.id.idiag_sport = htons(80);
  head.id.idiag_dport = htons(65535);
  head.id.idiag_src[3] = htonl(1);
  head.id.idiag_if = 3;
  head.idiag_inode = 0xff000000u;
  head.idiag_uid = 1000;
  append(payload, &head, sizeof(head));
  append_attribute(payload, INET_DIAG_SHUTDOWN, bytes_of(uint8_t{1}));
  InetSocketInfo info = parse_inet_socket(payload);
  EXPECT_EQ(info.local.text(), "[::1]:80");
  EXPECT_EQ(info.remote.text(), "[::]:65535");
  EXPECT_EQ(info.inode, 0xff000000u);
  EXPECT_EQ(info.user, 1000u);
  EXPECT_EQ(info.shutdown, 1);
  EXPECT_FALSE(info.signed_segments);
  EXPECT_EQ(tcp_state_name(info.state), "ESTABLISHED");
  EXPECT_EQ(tcp_state_name(99), "?");
}

TEST(SockDiag, WhatIsCutOffIsAnError) {
  Bytes whole = unix_payload();
  for (size_t size = 0; size < sizeof(unix_diag_msg); ++size)
    EXPECT_THROW(parse_unix_socket(std::span(whole).first(size)), Error) << size;
  Bytes long_attribute(whole.begin(), whole.begin() + sizeof(unix_diag_msg));
  rtattr header{200, UNIX_DIAG_NAME};
  append(long_attribute, &header, sizeof(header));
  EXPECT_THROW(parse_unix_socket(long_attribute), Error);
  Bytes one = message(SOCK_DIAG_BY_FAMILY, whole);
  one.pop_back();
  EXPECT_THROW(for_each_diag_message(one, [](auto) {}), Error);
}

TEST(SockDiag, MessagesUpToTheEnd) {
  Bytes received = message(SOCK_DIAG_BY_FAMILY, unix_payload());
  int count = 0;
  EXPECT_TRUE(for_each_diag_message(received, [&](auto) { ++count; }));
  Bytes done = message(NLMSG_DONE, Bytes(4));
  append(received, done.data(), done.size());
  EXPECT_FALSE(for_each_diag_message(received, [&](auto) { ++count; }));
  EXPECT_EQ(count, 2);
}

TEST(SockDiag, ErrorsOfTheKernel) {
  for (uint16_t type : {NLMSG_ERROR, NLMSG_DONE}) {
    Bytes payload;
    int error = -ENOENT;
    append(payload, &error, sizeof(error));
    try {
      for_each_diag_message(message(type, payload), [](auto) {});
      ADD_FAILURE() << type;
    } catch (const Error& thrown) {
      EXPECT_EQ(thrown.error_number(), ENOENT);
    }
  }
}

uint32_t inode_of(int fd) { return static_cast<uint32_t>(fstat(fd).st_ino); }

TEST(SockDiag, DumpsOwnUnixSockets) {
  auto [a, b] = make_socket_pair({AF_UNIX, SOCK_STREAM, 0});
  write_all(a.get(), "12345", 5);
  kernel::shutdown(a.get(), SHUT_WR);
  auto all = dump_unix_sockets();
  auto info = std::find_if(all.begin(), all.end(), [&](auto& socket) { return socket.inode == inode_of(b.get()); });
  ASSERT_NE(info, all.end());
  EXPECT_EQ(info->peer, inode_of(a.get()));
  EXPECT_EQ(info->receive_queue, 5u);
  EXPECT_EQ(info->shutdown, 1);
}

TEST(SockDiag, DumpsConnectionsThatWait) {
  OwnedFd listener = make_socket({AF_UNIX, SOCK_STREAM, 0}), client = make_socket({AF_UNIX, SOCK_STREAM, 0});
  SocketAddress name = SocketAddress::unix(std::string("\0cairn sock_diag ", 17) + std::to_string(::getpid()));
  kernel::bind(listener.get(), name);
  kernel::listen(listener.get(), 77);
  kernel::connect(client.get(), name);
  auto all = dump_unix_sockets();
  auto info =
      std::find_if(all.begin(), all.end(), [&](auto& socket) { return socket.inode == inode_of(listener.get()); });
  ASSERT_NE(info, all.end());
  EXPECT_EQ(info->name, name.unix_name());
  EXPECT_EQ(info->waiting, std::vector<uint32_t>{inode_of(client.get())});
  EXPECT_EQ(info->send_queue, 77u);
}

TEST(SockDiag, DumpsOwnTcpSockets) {
  OwnedFd listener = make_socket({AF_INET, SOCK_STREAM, 0});
  kernel::bind(listener.get(), SocketAddress::inet(std::string("\x7f\0\0\1", 4), 0));
  kernel::listen(listener.get(), 9);
  auto all = dump_inet_sockets(AF_INET, IPPROTO_TCP);
  auto info =
      std::find_if(all.begin(), all.end(), [&](auto& socket) { return socket.inode == inode_of(listener.get()); });
  ASSERT_NE(info, all.end());
  EXPECT_EQ(info->local, socket_name(listener.get()));
  EXPECT_EQ(tcp_state_name(info->state), "LISTEN");
  EXPECT_EQ(info->send_queue, 9u);
}

}  // namespace
}  // namespace cairn::kernel
