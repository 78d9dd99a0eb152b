// tcp(7): a FIN that can't be delivered, since the receiver has no room for the data before it: FIN_WAIT1; with the
// other end done too, CLOSING if that was after it and LAST_ACK if it was before.
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
  const Connection waits = connected(), crossed = connected(), answered = connected(AF_INET6);
  const size_t first = fill(waits.client, waits.server);
  must(shutdown(waits.client, SHUT_WR), "shutdown");

  const size_t second = fill(crossed.client, crossed.server);
  must(shutdown(crossed.client, SHUT_WR), "shutdown");
  must(shutdown(crossed.server, SHUT_WR), "shutdown");

  must(shutdown(answered.server, SHUT_WR), "shutdown");
  wait_for_state(answered.client, TCP_CLOSE_WAIT);
  const size_t third = fill(answered.client, answered.server);
  must(shutdown(answered.client, SHUT_WR), "shutdown");

  wait_for_state(crossed.client, TCP_CLOSING);
  wait_for_state(crossed.server, TCP_FIN_WAIT2);
  wait_for_state(answered.client, TCP_LAST_ACK);
  wait_for_state(answered.server, TCP_FIN_WAIT2);
  ready_and_wait();
  check_equal(tcp_state(waits.client), TCP_FIN_WAIT1, "state of who is done");
  check_equal(tcp_state(waits.server), TCP_ESTABLISHED, "state of who has not heard of it");
  check_equal(tcp_state(crossed.client), TCP_CLOSING, "state of who was done first");
  check_equal(tcp_state(crossed.server), TCP_FIN_WAIT2, "state of who was done then");
  check_equal(tcp_state(answered.client), TCP_LAST_ACK, "state of who was done last");
  check_end(crossed.client);
  check_received(waits.server, first);
  check_end(waits.server);
  send_text(waits.server, "back");
  check_text(waits.client, "back");
  check_received(crossed.server, second);
  check_end(crossed.server);
  check_received(answered.server, third);
  check_end(answered.server);
  pass();
}
