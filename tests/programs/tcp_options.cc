// tcp(7): what is set on a connection, and what it goes by then.
// modes: not user (it takes CAP_NET_ADMIN, TCP_REPAIR)
#include "tcp.h"

struct Setting {
  int level, name, value;
  const char* text;
};

static const Setting kSettings[] = {
    {SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"},
    {SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE"},
    {SOL_SOCKET, SO_OOBINLINE, 1, "SO_OOBINLINE"},
    {SOL_SOCKET, SO_RCVLOWAT, 3, "SO_RCVLOWAT"},
    {IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"},
    {IPPROTO_TCP, TCP_KEEPIDLE, 7001, "TCP_KEEPIDLE"},
    {IPPROTO_TCP, TCP_KEEPINTVL, 71, "TCP_KEEPINTVL"},
    {IPPROTO_TCP, TCP_KEEPCNT, 11, "TCP_KEEPCNT"},
    {IPPROTO_TCP, TCP_SYNCNT, 5, "TCP_SYNCNT"},
    {IPPROTO_TCP, TCP_LINGER2, 23, "TCP_LINGER2"},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, 123456, "TCP_USER_TIMEOUT"},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, 54321, "TCP_NOTSENT_LOWAT"},
    {IPPROTO_IP, IP_TOS, 0x20, "IP_TOS"},
    {IPPROTO_IP, IP_TTL, 77, "IP_TTL"},
};

static std::string congestion_control(int fd) {
  char name[32] = {};
  socklen_t size = sizeof name;
  must(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size), "TCP_CONGESTION");
  return name;
}

static const linger kLinger{1, 17};
static const timeval kTimeout{987, 0};

int main() {
  const Connection connection = connected();
  for (const Setting& setting : kSettings)
    must(setsockopt(connection.client, setting.level, setting.name, &setting.value, sizeof(int)), setting.text);
  must(setsockopt(connection.client, SOL_SOCKET, SO_LINGER, &kLinger, sizeof kLinger), "SO_LINGER");
  must(setsockopt(connection.client, SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof kTimeout), "SO_RCVTIMEO");
  must(setsockopt(connection.client, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), "SO_BINDTODEVICE");
  must(setsockopt(connection.client, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), "TCP_CONGESTION");
  ready_and_wait();
  for (const Setting& setting : kSettings) {
    int value = -1;
    socklen_t size = sizeof value;
    must(getsockopt(connection.client, setting.level, setting.name, &value, &size), setting.text);
    check_equal(value, setting.value, setting.text);
  }
  linger lingers{};
  socklen_t size = sizeof lingers;
  must(getsockopt(connection.client, SOL_SOCKET, SO_LINGER, &lingers, &size), "SO_LINGER");
  check(lingers.l_onoff == kLinger.l_onoff && lingers.l_linger == kLinger.l_linger, "SO_LINGER differs");
  timeval timeout{};
  size = sizeof timeout;
  must(getsockopt(connection.client, SOL_SOCKET, SO_RCVTIMEO, &timeout, &size), "SO_RCVTIMEO");
  check_equal(timeout.tv_sec, kTimeout.tv_sec, "SO_RCVTIMEO");
  check_equal(congestion_control(connection.client), "reno", "TCP_CONGESTION");
  check_both_ways(connection);
  pass();
}
