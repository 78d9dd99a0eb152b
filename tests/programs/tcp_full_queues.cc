// tcp(7): more was sent than the receiver has room for, in both directions; the rest waits at the sender.
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
  const size_t there = fill(connection.client, connection.server), back = fill(connection.server, connection.client);
  check(unacknowledged(connection.client) > 0 && unacknowledged(connection.server) > 0, "all was delivered");
  ready_and_wait();
  std::thread other([&] { check_received(connection.server, there); });
  check_received(connection.client, back);
  other.join();
  check_both_ways(connection);
  pass();
}
