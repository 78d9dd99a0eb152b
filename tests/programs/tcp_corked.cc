// tcp(7): what a sender holds back under TCP_CORK, behind what the receiver has no room for, comes whole and in order.
// modes: not user (it takes CAP_NET_ADMIN, TCP_REPAIR)
// varies: */line/tcp*/4 (how much is taken depends on how the kernel has packed what was there before)
// varies: */unread (the same)
// varies: */unsent (the same)
// varies: */TCP_WINDOW_CLAMP (the kernel fits it to that)
// varies: */SO_RCVBUF (the same)
// varies: */SO_SNDBUF (the same)
// varies: */TCP_MAXSEG (it follows the largest window)
// varies: tcp_connection#*/receive_* (the same)
// varies: tcp_connection#*/largest_window (the same)
// varies: socket_options#*/options/*/value (sizes of buffers among them)
#include "tcp.h"

int main() {
  const Connection connection = connected();
  const int on = 1, off = 0;
  must(setsockopt(connection.client, IPPROTO_TCP, TCP_CORK, &on, sizeof on), "TCP_CORK");
  const size_t total = fill(connection.client, connection.server);
  ready_and_wait();
  int corked = 0;
  socklen_t size = sizeof corked;
  must(getsockopt(connection.client, IPPROTO_TCP, TCP_CORK, &corked, &size), "TCP_CORK");
  check_equal(corked, 1, "TCP_CORK");
  must(setsockopt(connection.client, IPPROTO_TCP, TCP_CORK, &off, sizeof off), "TCP_CORK");
  check_received(connection.server, total);
  check_both_ways(connection);
  pass();
}
