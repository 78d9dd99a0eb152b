// tcp(7): the other end has been closed, so that it has no socket any more, before (CLOSE_WAIT) or after this one said
// that it is done (CLOSE); something is left to read. And one that was reset, of which the program has been told.
// modes: not user (it takes CAP_NET_ADMIN, TCP_REPAIR)
#include "tcp.h"

int main() {
  const Connection left = connected(), ended = connected(AF_INET6);
  send_text(left.server, "left behind");
  wait_for_delivery(left.server);
  close(left.server);
  wait_for_state(left.client, TCP_CLOSE_WAIT);

  send_text(ended.server, "at the end");
  wait_for_delivery(ended.server);
  close(ended.server);
  wait_for_state(ended.client, TCP_CLOSE_WAIT);
  must(shutdown(ended.client, SHUT_WR), "shutdown");
  wait_for_state(ended.client, TCP_CLOSE);

  const Connection broken = connected();
  send_text(broken.client, "never read");
  wait_for_delivery(broken.client);
  close(broken.server);
  wait_for_state(broken.client, TCP_CLOSE);
  char byte;
  check(recv(broken.client, &byte, 1, 0) == -1 && errno == ECONNRESET, "it was not reset");
  ready_and_wait();
  check_equal(tcp_state(left.client), TCP_CLOSE_WAIT, "state");
  check_text(left.client, "left behind");
  check_end(left.client);
  check_equal(tcp_state(ended.client), TCP_CLOSE, "state of the ended one");
  pollfd entry{ended.client, POLLIN | POLLRDHUP, 0};
  check_equal(must(poll(&entry, 1, 0), "poll"), 1, "ready descriptors");
  check_equal(entry.revents, POLLIN | POLLRDHUP | POLLHUP, "events");
  check_text(ended.client, "at the end");
  check_end(ended.client);
  Address address;
  check(getpeername(ended.client, address.get(), &address.size) == -1 && errno == ENOTCONN, "it has a peer");
  check(send(ended.client, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE, "it sends again");
  check_equal(tcp_state(broken.client), TCP_CLOSE, "state of the broken one");
  check_end(broken.client);
  check(send(broken.client, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE, "the broken one sends");
  // Nobody is there to take it: the answer is a reset.
  send_text(left.client, "x");
  for (const int64_t end = now() + 50 * kSecond; tcp_state(left.client) != TCP_CLOSE; sleep_ms(1))
    check(now() < end, "nothing was said to a byte for nobody");
  pass();
}
