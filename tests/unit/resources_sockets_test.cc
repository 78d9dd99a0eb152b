// The kinds of sockets: what is described of sockets of ours and made again is what was there.
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/time.h>

#include "kernel/constants.h"
#include "kernel/sock_diag.h"
#include "kernel/socket.h"
#include "kernel/socket_option_table.h"
#include "kernel/socket_queue.h"
#include "kernel/tcp.h"
#include "resources_round_trip.h"

namespace cairn::resources {
namespace {

using kernel::SocketAddress;
using kernel::SocketType;

constexpr SocketType kStream{AF_UNIX, SOCK_STREAM, 0}, kDatagram{AF_UNIX, SOCK_DGRAM, 0},
    kSeqpacket{AF_UNIX, SOCK_SEQPACKET, 0}, kTcp{AF_INET, SOCK_STREAM, IPPROTO_TCP};
const std::string kLoopback("\x7f\0\0\1", 4);

std::string receive(int fd, int flags = MSG_DONTWAIT) {
  std::string text(300'000, '\0');
  ssize_t count = ::recv(fd, text.data(), text.size(), flags);
  if (count < 0) return fmt::format("errno {}", errno);
  text.resize(static_cast<size_t>(count));
  return text;
}
void send(int fd, const std::string& text) { kernel::send_message(fd, {.data = text}); }
void put_into_pipe(int fd, const std::string& text) { kernel::write_all(fd, text.data(), text.size()); }
std::string receive_from_pipe(int fd) {
  char text[16];
  ssize_t count = ::read(fd, text, sizeof(text));
  return std::string(text, count < 0 ? 0 : static_cast<size_t>(count));
}
std::string abstract(const std::string& name) { return std::string(1, '\0') + name + std::to_string(::getpid()); }

bool mentions(const std::vector<std::string>& obstacles, const std::string& text) {
  for (const std::string& one : obstacles) {
    if (one.find(text) != std::string::npos) return true;
  }
  return false;
}

// Every option that can be read, as text.
std::map<std::string, std::string> options_of(int fd) {
  std::map<std::string, std::string> found;
  SocketType type = kernel::socket_type(fd);
  for (const auto& option : kernel::socket_option_table()) {
    if (!kernel::may_have_option(option, type.family, type.protocol)) continue;
    auto value = kernel::try_socket_option(fd, option.level, option.number, option.size);
    if (value) found[option.name] = *value;
  }
  return found;
}

// Describes sockets, closes them, and makes them again: for those with names.
std::vector<OwnedFd> in_turn(std::vector<OwnedFd>& old) {
  Described described;
  std::vector<RecordId> ids;
  for (const OwnedFd& fd : old) ids.push_back(described.describe(fd.get()));
  described.run_judgements();
  EXPECT_EQ(described.obstacles, std::vector<std::string>{});
  if (!described.obstacles.empty()) throw Error("obstacles");
  graph::RecordSet records = std::move(described.records());
  Captured captured(described);
  described.forget();
  old.clear();
  auto unmet = Unchecked(records).unmet();
  EXPECT_TRUE(unmet.empty()) << unmet.front().object << ": " << unmet.front().found;
  Restored restored(records, &*captured.reader);
  std::vector<OwnedFd> made;
  for (RecordId id : ids) made.push_back(kernel::duplicate(restored.fd(id)));
  return made;
}

TEST(UnixPairs, StreamKeepsBothQueues) {
  auto [a, b] = kernel::make_socket_pair(kStream);
  std::string text(70'000, ' ');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i % 251);
  send(a.get(), text);
  send(b.get(), "back");
  auto made = round_trip({a.get(), b.get()});
  EXPECT_EQ(receive(made[1].get()), text);
  EXPECT_EQ(receive(made[0].get()), "back");
  send(made[0].get(), "on");
  EXPECT_EQ(receive(made[1].get()), "on");
  EXPECT_EQ(receive(b.get()), text) << "the old one was changed";
}

TEST(UnixPairs, MessagesKeepTheirBorders) {
  for (SocketType type : {kDatagram, kSeqpacket}) {
    auto [a, b] = kernel::make_socket_pair(type);
    const std::vector<std::string> messages = {"", "one", "", "", std::string(100'000, 'x'), "four", ""};
    kernel::RoomySendBuffer room(a.get());
    for (const std::string& message : messages) send(a.get(), message);
    send(b.get(), "back");
    auto made = round_trip({a.get(), b.get()});
    for (const std::string& message : messages) EXPECT_EQ(receive(made[1].get()), message) << type.text();
    EXPECT_EQ(receive(made[1].get()), fmt::format("errno {}", EAGAIN));
    EXPECT_EQ(receive(made[0].get()), "back");
    EXPECT_EQ(kernel::socket_option(b.get(), SOL_SOCKET, SO_PEEK_OFF), -1);
    for (const std::string& message : messages) EXPECT_EQ(receive(b.get()), message) << "the old one was changed";
  }
}

TEST(UnixPairs, HalfClosed) {
  for (SocketType type : {kStream, kSeqpacket}) {
    auto [a, b] = kernel::make_socket_pair(type);
    send(a.get(), "last");
    kernel::shutdown(a.get(), SHUT_WR);
    auto made = round_trip({a.get(), b.get()});
    EXPECT_EQ(receive(made[1].get()), "last");
    EXPECT_EQ(receive(made[1].get()), "") << type.text();
    EXPECT_EQ(::send(made[0].get(), "x", 1, MSG_NOSIGNAL), -1);
    EXPECT_EQ(errno, EPIPE);
    send(made[1].get(), "other way");
    EXPECT_EQ(receive(made[0].get()), "other way");
  }
}

TEST(UnixPairs, DatagramsShutDownEachForItself) {
  auto [a, b] = kernel::make_socket_pair(kDatagram);
  send(a.get(), "last");
  kernel::shutdown(a.get(), SHUT_WR);
  auto made = round_trip({a.get(), b.get()});
  EXPECT_EQ(receive(made[1].get()), "last");
  EXPECT_EQ(::send(made[0].get(), "x", 1, MSG_NOSIGNAL), -1);
  send(made[1].get(), "other way");
  EXPECT_EQ(receive(made[0].get()), "other way");
}

TEST(UnixPairs, PeerThatHasGone) {
  for (SocketType type : {kStream, kSeqpacket, kDatagram}) {
    auto [a, b] = kernel::make_socket_pair(type);
    send(b.get(), "will");
    b.reset();
    auto made = round_trip({a.get()});
    EXPECT_EQ(receive(made[0].get()), "will") << type.text();
    EXPECT_EQ(::send(made[0].get(), "x", 1, MSG_NOSIGNAL), -1);
    EXPECT_EQ(errno, type == kDatagram ? ECONNREFUSED : EPIPE);
    if (type == kDatagram) continue;
    EXPECT_EQ(receive(made[0].get()), "");
  }
}

TEST(UnixPairs, PeerThatLeftSomethingUnread) {
  auto [a, b] = kernel::make_socket_pair(kStream);
  send(a.get(), "unread");
  b.reset();
  auto made = round_trip({a.get()});
  for (int fd : {made[0].get(), a.get()}) EXPECT_EQ(receive(fd), fmt::format("errno {}", ECONNRESET));
}

TEST(UnixPairs, PeekOffsetOfTheProgramStays) {
  auto [a, b] = kernel::make_socket_pair(kStream);
  send(a.get(), "0123456789");
  kernel::set_socket_option(b.get(), SOL_SOCKET, SO_PEEK_OFF, 4);
  auto made = round_trip({a.get(), b.get()});
  for (int fd : {made[1].get(), b.get()}) {
    EXPECT_EQ(receive(fd, MSG_PEEK | MSG_DONTWAIT), "456789");
    EXPECT_EQ(receive(fd), "0123456789");
  }
}

TEST(UnixPairs, OutOfBandByteIsRefused) {
  auto [a, b] = kernel::make_socket_pair(kStream);
  if (::send(a.get(), "ab", 2, MSG_OOB) < 0) GTEST_SKIP() << "no out-of-band data here";
  EXPECT_TRUE(mentions(obstacles_of({a.get(), b.get()}), "out-of-band"));
}

// A pipe's end that nobody else has, a socket that we have too, and the socket itself that carries them.
TEST(UnixPairs, DescriptorsInFlight) {
  for (SocketType type : {kDatagram, kSeqpacket}) {
    auto [a, b] = kernel::make_socket_pair(type);
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    OwnedFd reading(ends[0]), writing(ends[1]);
    send(a.get(), "before");
    kernel::send_message(a.get(), {.data = "carries", .descriptors = std::array{writing.get(), b.get()}});
    send(a.get(), "after");
    writing.reset();
    auto made = round_trip({a.get(), b.get(), reading.get()});
    kernel::set_socket_option(made[1].get(), SOL_SOCKET, SO_PEEK_OFF, 0);
    auto messages = kernel::peek_messages(made[1].get());
    ASSERT_EQ(messages.size(), 3u) << type.text();
    EXPECT_EQ(messages[0].data, "before");
    EXPECT_EQ(messages[1].data, "carries");
    ASSERT_EQ(messages[1].descriptors.size(), 2u);
    EXPECT_TRUE(kernel::same_description(messages[1].descriptors[1].get(), made[1].get()));
    put_into_pipe(messages[1].descriptors[0].get(), "x");
    EXPECT_EQ(receive_from_pipe(made[2].get()), "x");
    messages.clear();
    made[1].reset();  // a socket that carries itself is the kernel's garbage now
  }
}

TEST(UnixPairs, PeerOutsideIsNamed) {
  auto [a, b] = kernel::make_socket_pair(kStream);
  EXPECT_TRUE(mentions(obstacles_of({a.get()}), "peer outside the tree"));
}

TEST(UnixNames, ListenerKeepsNodeBacklogAndName) {
  ScratchDirectory scratch;
  std::vector<OwnedFd> old;
  old.push_back(kernel::make_socket(kStream));
  kernel::bind(old[0].get(), SocketAddress::unix("service"));
  ASSERT_EQ(::chmod("service", 0621), 0);
  kernel::listen(old[0].get(), 2);
  auto made = in_turn(old);
  struct stat status {};
  ASSERT_EQ(::stat("service", &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0621u);
  EXPECT_EQ(kernel::socket_name(made[0].get()).unix_name(), "service");
  std::vector<OwnedFd> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(kernel::make_socket({AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0}));
    int expected = i < 3 ? 0 : -EAGAIN;
    EXPECT_EQ(kernel::try_connect(clients.back().get(), SocketAddress::unix("service")), expected) << i;
  }
}

TEST(UnixNames, NodeThatWasRemovedStaysAway) {
  ScratchDirectory scratch;
  std::vector<OwnedFd> old;
  old.push_back(kernel::make_socket(kStream));
  std::string path = scratch.path() + "/gone";
  kernel::bind(old[0].get(), SocketAddress::unix(path));
  kernel::listen(old[0].get(), 2);
  kernel::unlink_at(AT_FDCWD, path);
  auto made = in_turn(old);
  EXPECT_EQ(kernel::socket_name(made[0].get()).unix_name(), path);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(UnixNames, AnotherThingAtThePathIsAnUnmetPrecondition) {
  ScratchDirectory scratch;
  OwnedFd fd = kernel::make_socket(kStream);
  kernel::bind(fd.get(), SocketAddress::unix("service"));
  Described described;
  described.describe(fd.get());
  described.run_judgements();
  EXPECT_EQ(Unchecked(described.records()).unmet().size(), 1u) << "it is in use";
  kernel::unlink_at(AT_FDCWD, "service");
  EXPECT_EQ(Unchecked(described.records()).unmet().size(), 0u);
  kernel::open("service", O_WRONLY | O_CREAT, 0600);
  EXPECT_EQ(Unchecked(described.records()).unmet().size(), 1u) << "a file";
}

// A client and what a listener accepted of it, the listener too.
std::vector<OwnedFd> connection(SocketType type, const std::string& name, const std::string& client_name = {}) {
  std::vector<OwnedFd> fds;
  for (int i = 0; i < 2; ++i) fds.push_back(kernel::make_socket(type));
  kernel::bind(fds[0].get(), SocketAddress::unix(name));
  kernel::listen(fds[0].get(), 5);
  if (!client_name.empty()) kernel::bind(fds[1].get(), SocketAddress::unix(client_name));
  kernel::connect(fds[1].get(), SocketAddress::unix(name));
  fds.push_back(std::move(*kernel::try_accept(fds[0].get())));
  return fds;
}

TEST(UnixConnections, NamesAndQueuesOfBothEnds) {
  ScratchDirectory scratch;
  for (SocketType type : {kStream, kSeqpacket}) {
    for (const std::string& name : {std::string("meeting"), scratch.path() + "/meeting", abstract("meeting")}) {
      for (const std::string& client_name : {std::string(), std::string("client"), abstract("client")}) {
        ::unlink("meeting");
        ::unlink("client");
        auto old = connection(type, name, client_name);
        send(old[1].get(), "to server");
        send(old[2].get(), "to client");
        auto made = in_turn(old);
        EXPECT_EQ(kernel::socket_name(made[2].get()).unix_name(), name);
        EXPECT_EQ(kernel::try_peer_name(made[1].get())->unix_name(), name);
        EXPECT_EQ(kernel::socket_name(made[1].get()).unix_name(), client_name);
        EXPECT_EQ(kernel::try_peer_name(made[2].get())->unix_name(), client_name);
        EXPECT_EQ(receive(made[2].get()), "to server");
        EXPECT_EQ(receive(made[1].get()), "to client");
        OwnedFd another = kernel::make_socket(type);
        EXPECT_EQ(kernel::try_connect(another.get(), SocketAddress::unix(name)), 0) << "the listener listens";
      }
    }
  }
}

TEST(UnixConnections, PeerThatHasGone) {
  ScratchDirectory scratch;
  for (size_t survivor : {1u, 2u}) {
    ::unlink("meeting");
    auto old = connection(kStream, "meeting");
    send(old[3 - survivor].get(), "will");
    old.erase(old.begin() + static_cast<long>(3 - survivor));
    old.erase(old.begin());
    auto made = in_turn(old);
    EXPECT_EQ(kernel::try_peer_name(made[0].get())->unix_name(), survivor == 1 ? "meeting" : "");
    EXPECT_EQ(kernel::socket_name(made[0].get()).unix_name(), survivor == 1 ? "" : "meeting");
    EXPECT_EQ(receive(made[0].get()), "will");
    EXPECT_EQ(receive(made[0].get()), "");
  }
}

TEST(UnixConnections, ThoseThatWaitGoOnWaiting) {
  ScratchDirectory scratch;
  for (const std::string& name : {std::string("meeting"), abstract("meeting")}) {
    std::vector<OwnedFd> old;
    for (int i = 0; i < 4; ++i) old.push_back(kernel::make_socket({AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0}));
    kernel::bind(old[3].get(), SocketAddress::unix(name));
    kernel::listen(old[3].get(), 5);
    for (size_t i : {1u, 2u, 0u}) kernel::connect(old[i].get(), SocketAddress::unix(name));
    auto made = in_turn(old);
    kernel::fcntl(made[3].get(), F_SETFL, O_RDWR | O_NONBLOCK);
    for (size_t i : {1u, 2u, 0u}) {
      OwnedFd accepted = std::move(*kernel::try_accept(made[3].get()));
      send(made[i].get(), std::to_string(i));
      EXPECT_EQ(receive(accepted.get()), std::to_string(i));
      EXPECT_EQ(kernel::try_peer_name(made[i].get())->unix_name(), name);
    }
    EXPECT_FALSE(kernel::try_accept(made[3].get()));
  }
}

TEST(UnixConnections, ThoseThatWaitWithDataAreRefused) {
  std::vector<OwnedFd> fds;
  for (int i = 0; i < 2; ++i) fds.push_back(kernel::make_socket(kStream));
  SocketAddress name = SocketAddress::unix(abstract("waiting"));
  kernel::bind(fds[0].get(), name);
  kernel::listen(fds[0].get(), 5);
  kernel::connect(fds[1].get(), name);
  send(fds[1].get(), "early");
  EXPECT_TRUE(mentions(obstacles_of({fds[0].get(), fds[1].get()}), "wait at @waiting"));
  EXPECT_TRUE(mentions(obstacles_of({fds[1].get()}), "waits to be accepted at @waiting"));
}

TEST(UnixDatagrams, NamesPeersAndSenders) {
  ScratchDirectory scratch;
  for (const std::string& name : {std::string("box"), abstract("box")}) {
    ::unlink("box");
    ::unlink("named");
    std::vector<OwnedFd> old;
    for (int i = 0; i < 3; ++i) old.push_back(kernel::make_socket(kDatagram));
    kernel::bind(old[0].get(), SocketAddress::unix(name));
    kernel::bind(old[2].get(), SocketAddress::unix("named"));
    for (size_t i : {1u, 2u}) kernel::connect(old[i].get(), SocketAddress::unix(name));
    send(old[1].get(), "first");
    send(old[2].get(), "");
    send(old[2].get(), "third");
    {
      OwnedFd passing = kernel::make_socket(kDatagram);
      kernel::bind(passing.get(), SocketAddress::unix("passing"));
      kernel::connect(passing.get(), SocketAddress::unix(name));
      send(passing.get(), "fourth");
    }
    ::unlink("passing");
    auto made = in_turn(old);
    std::vector<std::pair<std::string, std::string>> expected = {
        {"first", ""}, {"", "named"}, {"third", "named"}, {"fourth", "passing"}};
    kernel::set_socket_option(made[0].get(), SOL_SOCKET, SO_PEEK_OFF, 0);
    auto messages = kernel::peek_messages(made[0].get());
    ASSERT_EQ(messages.size(), expected.size());
    for (size_t i = 0; i < messages.size(); ++i) {
      EXPECT_EQ(messages[i].data, expected[i].first);
      EXPECT_EQ(messages[i].sender.unix_name(), expected[i].second);
    }
    EXPECT_EQ(kernel::try_peer_name(made[1].get())->unix_name(), name);
    EXPECT_FALSE(std::filesystem::exists("passing"));
    send(made[1].get(), "now");
  }
}

TEST(UnixDatagrams, UnboundAndUnconnected) {
  OwnedFd datagram = kernel::make_socket(kDatagram), stream = kernel::make_socket(kStream);
  auto made = round_trip({datagram.get(), stream.get()});
  EXPECT_EQ(kernel::socket_type(made[0].get()), kDatagram);
  EXPECT_EQ(kernel::socket_type(made[1].get()), kStream);
  EXPECT_FALSE(kernel::try_peer_name(made[1].get()));
}

TEST(Tcp, ListenerBoundAndFresh) {
  for (bool six : {false, true}) {
    std::vector<OwnedFd> old;
    SocketType type{six ? AF_INET6 : AF_INET, SOCK_STREAM, IPPROTO_TCP};
    std::string loopback = six ? std::string(15, '\0') + '\1' : kLoopback;
    for (int i = 0; i < 3; ++i) old.push_back(kernel::make_socket(type));
    if (six) kernel::set_socket_option(old[0].get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    kernel::set_socket_option(old[0].get(), IPPROTO_TCP, TCP_NODELAY, 1);
    for (size_t i : {0u, 1u}) kernel::bind(old[i].get(), SocketAddress::inet(loopback, 0));
    kernel::listen(old[0].get(), 70);
    SocketAddress listening = kernel::socket_name(old[0].get()), bound = kernel::socket_name(old[1].get());
    std::vector<std::map<std::string, std::string>> options;
    for (const OwnedFd& fd : old) options.push_back(options_of(fd.get()));
    auto made = in_turn(old);
    EXPECT_EQ(kernel::socket_name(made[0].get()), listening);
    EXPECT_EQ(kernel::socket_name(made[1].get()), bound);
    for (size_t i = 0; i < made.size(); ++i) EXPECT_EQ(options_of(made[i].get()), options[i]);
    tcp_info info{};
    socklen_t size = sizeof(info);
    ASSERT_EQ(::getsockopt(made[0].get(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    EXPECT_EQ(info.tcpi_state, TCP_LISTEN);
    EXPECT_EQ(info.tcpi_sacked, 70u);
    OwnedFd client = kernel::make_socket(type);
    kernel::connect(client.get(), listening);
  }
}

TEST(Tcp, GroupOfOnePort) {
  std::vector<OwnedFd> old;
  for (int i = 0; i < 2; ++i) {
    old.push_back(kernel::make_socket(kTcp));
    kernel::set_socket_owner(old[i].get(), 1234, 5678);
    kernel::set_socket_option(old[i].get(), SOL_SOCKET, SO_REUSEPORT, 1);
    kernel::bind(old[i].get(), i == 0 ? SocketAddress::inet(kLoopback, 0) : kernel::socket_name(old[0].get()));
    kernel::listen(old[i].get(), 5);
  }
  auto made = in_turn(old);
  EXPECT_EQ(kernel::socket_name(made[0].get()), kernel::socket_name(made[1].get()));
  EXPECT_EQ(kernel::fstat(made[1].get()).st_uid, 1234u);
  EXPECT_EQ(kernel::fstat(made[1].get()).st_gid, 5678u);
}

TEST(Tcp, ConnectionsAreRefusedByName) {
  if (!kernel::can_repair_tcp()) GTEST_SKIP() << "needs CAP_NET_ADMIN";
  OwnedFd listener = kernel::make_socket(kTcp), client = kernel::make_socket(kTcp);
  kernel::bind(listener.get(), SocketAddress::inet(kLoopback, 0));
  kernel::listen(listener.get(), 5);
  kernel::connect(client.get(), kernel::socket_name(listener.get()));
  EXPECT_TRUE(mentions(obstacles_of({listener.get()}), "1 connections wait"));
  std::string name = kernel::socket_name(listener.get()).text();
  EXPECT_TRUE(mentions(obstacles_of({client.get()}), "its connection waits at " + name + " to be accepted"));
  OwnedFd accepted = std::move(*kernel::try_accept(listener.get()));
  EXPECT_TRUE(mentions(obstacles_of({client.get()}), "to " + name + " in state ESTABLISHED; the peer is"));
  EXPECT_TRUE(obstacles_of({client.get(), accepted.get()}).empty());
  ASSERT_EQ(::send(client.get(), "!", 1, MSG_OOB), 1);
  EXPECT_TRUE(mentions(obstacles_of({client.get(), accepted.get()}), "urgent byte"));
  EXPECT_EQ(receive(accepted.get(), MSG_OOB), "!");
  EXPECT_TRUE(mentions(obstacles_of({client.get(), accepted.get()}), "urgent byte"))
      << "its mark is in the queue still";
  EXPECT_EQ(receive(accepted.get()), fmt::format("errno {}", EAGAIN));
  kernel::enter_tcp_repair(client.get());
  EXPECT_TRUE(mentions(obstacles_of({client.get(), accepted.get()}), "has it in repair mode"));
  kernel::leave_tcp_repair(client.get(), false);
  ASSERT_EQ(::send(accepted.get(), "x", 1, 0), 1);
  client.reset();
  EXPECT_TRUE(mentions(obstacles_of({accepted.get()}), "error is pending"));
  EXPECT_EQ(::send(accepted.get(), "x", 1, MSG_NOSIGNAL), -1) << "describing it took the error away";
  EXPECT_EQ(errno, ECONNRESET);
}

constexpr SocketType kUdp{AF_INET, SOCK_DGRAM, IPPROTO_UDP};

TEST(Udp, BoundAndConnected) {
  std::vector<OwnedFd> old;
  for (int i = 0; i < 3; ++i) old.push_back(kernel::make_socket(kUdp));
  kernel::bind(old[0].get(), SocketAddress::inet(kLoopback, 0));
  SocketAddress server = kernel::socket_name(old[0].get());
  kernel::connect(old[1].get(), server);
  SocketAddress client = kernel::socket_name(old[1].get());
  auto made = in_turn(old);
  EXPECT_EQ(kernel::socket_name(made[0].get()), server);
  EXPECT_EQ(kernel::socket_name(made[1].get()), client);
  EXPECT_EQ(*kernel::try_peer_name(made[1].get()), server);
  EXPECT_FALSE(kernel::try_peer_name(made[2].get()));
  send(made[1].get(), "datagram");
  EXPECT_EQ(receive(made[0].get()), "datagram");
}

TEST(Udp, WhatIsInItsQueuesIsRefused) {
  OwnedFd server = kernel::make_socket(kUdp), client = kernel::make_socket(kUdp), refused = kernel::make_socket(kUdp);
  kernel::bind(server.get(), SocketAddress::inet(kLoopback, 0));
  kernel::connect(client.get(), kernel::socket_name(server.get()));
  kernel::connect(refused.get(), SocketAddress::inet(kLoopback, 1));
  send(client.get(), "");
  EXPECT_TRUE(mentions(obstacles_of({server.get()}), "unread"));
  EXPECT_EQ(::send(client.get(), "corked", 6, MSG_MORE), 6);
  EXPECT_TRUE(mentions(obstacles_of({client.get()}), "not sent yet"));
  send(refused.get(), "to nobody");
  EXPECT_TRUE(mentions(obstacles_of({refused.get()}), "error is pending"));
  EXPECT_EQ(::send(refused.get(), "x", 1, 0), -1) << "describing it took the error away";
}

TEST(Udp, MembershipsAreRefused) {
  OwnedFd four = kernel::make_socket(kUdp);
  ip_mreqn request{{htonl(0xe1020304)}, {}, 1};  // 225.2.3.4 on the loopback interface
  if (::setsockopt(four.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)) != 0)
    GTEST_SKIP() << "no multicast here";
  EXPECT_TRUE(mentions(obstacles_of({four.get()}), "225.2.3.4"));
  EXPECT_TRUE(obstacles_of({kernel::make_socket(kUdp).get()}).empty());
}

TEST(Sockets, OthersAreRefusedByName) {
  OwnedFd netlink = kernel::make_socket({AF_NETLINK, SOCK_RAW, 15});
  EXPECT_TRUE(mentions(obstacles_of({netlink.get()}), "netlink raw, protocol 15"));
}

void set(int fd, int level, int option, auto value) {
  ASSERT_EQ(::setsockopt(fd, level, option, &value, sizeof(value)), 0) << level << "/" << option << ": " << errno;
}

TEST(SocketOptions, ManyOfAPair) {
  auto [a, b] = kernel::make_socket_pair(kStream);
  int fd = a.get();
  set(fd, SOL_SOCKET, SO_SNDBUF, 77'777);
  set(fd, SOL_SOCKET, SO_RCVBUF, 55'555);
  set(fd, SOL_SOCKET, SO_PRIORITY, 5);
  set(fd, SOL_SOCKET, SO_PASSCRED, 1);
  set(fd, SOL_SOCKET, SO_RCVTIMEO, timeval{0, 100'000});
  set(fd, SOL_SOCKET, SO_SNDTIMEO, timeval{0x1'0000'0000, 0});
  set(fd, SOL_SOCKET, SO_LINGER, linger{1, 70'000});
  set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
  set(fd, SOL_SOCKET, SO_MAX_PACING_RATE, uint64_t{0x1'2345'6789});
  set(b.get(), SOL_SOCKET, SO_BUF_LOCK, 2);
  auto made = round_trip({a.get(), b.get()});
  EXPECT_EQ(options_of(made[0].get()), options_of(a.get()));
  EXPECT_EQ(options_of(made[1].get()), options_of(b.get()));
}

TEST(SocketOptions, ManyOfTcp) {
  OwnedFd old = kernel::make_socket({AF_INET6, SOCK_STREAM, IPPROTO_TCP});
  int fd = old.get();
  set(fd, IPPROTO_IP, IP_TOS, 0x10);
  set(fd, SOL_SOCKET, SO_PRIORITY, 3);
  set(fd, IPPROTO_IPV6, IPV6_TCLASS, 0x20);
  set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 7);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 123'456);
  set(fd, IPPROTO_TCP, TCP_MAXSEG, 1000);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 7000);
  set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 30);
  set(fd, IPPROTO_TCP, TCP_LINGER2, -1);
  set(fd, SOL_SOCKET, SO_RCVLOWAT, 300'000);
  set(fd, SOL_SOCKET, SO_TIMESTAMPING, 0x18);
  ASSERT_EQ(::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
  auto made = round_trip({fd});
  EXPECT_EQ(options_of(made[0].get()), options_of(fd));
}

TEST(SocketOptions, FilterThatIsLocked) {
  auto [a, b] = kernel::make_socket_pair(kDatagram);
  sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 3, 0, 1),
                           BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, 0xffffffff)};
  set(b.get(), SOL_SOCKET, SO_ATTACH_FILTER, sock_fprog{4, program});
  set(b.get(), SOL_SOCKET, SO_LOCK_FILTER, 1);
  auto made = round_trip({a.get(), b.get()});
  send(made[0].get(), "123");
  EXPECT_EQ(::send(made[0].get(), "too long", 8, 0), 8);
  EXPECT_EQ(receive(made[1].get()), "123");
  EXPECT_EQ(receive(made[1].get()), fmt::format("errno {}", EAGAIN));
  EXPECT_EQ(::setsockopt(made[1].get(), SOL_SOCKET, SO_DETACH_FILTER, nullptr, 0), -1);
}

}  // namespace
}  // namespace cairn::resources
