// tcp(7): one end has said that it sends no more (FIN_WAIT2), the other has read that or not and goes on sending
// (CLOSE_WAIT).
// modes: not user (it takes CAP_NET_ADMIN, TCP_REPAIR)
#include "tcp.h"

int main() {
  const Connection silent = connected(), unread_end = connected(AF_INET6);
  send_text(silent.client, "the last words");
  must(shutdown(silent.client, SHUT_WR), "shutdown");
  must(shutdown(unread_end.server, SHUT_WR), "shutdown");
  send_text(unread_end.client, "for the end that is done");
  check_end(unread_end.client);
  wait_for_state(silent.client, TCP_FIN_WAIT2);
  wait_for_state(unread_end.server, TCP_FIN_WAIT2);
  wait_for_delivery(unread_end.client);
  ready_and_wait();
  check_equal(tcp_state(silent.client), TCP_FIN_WAIT2, "state of the end that is done");
  check_equal(tcp_state(silent.server), TCP_CLOSE_WAIT, "state of the other");
  check_text(silent.server, "the last words");
  check_end(silent.server);
  send_text(silent.server, "an answer");
  check_text(silent.client, "an answer");
  check(send(silent.client, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE, "it sends again");
  must(shutdown(silent.server, SHUT_WR), "shutdown");
  check_end(silent.client);

  check_end(unread_end.client);
  check_text(unread_end.server, "for the end that is done");
  send_text(unread_end.client, "more");
  check_text(unread_end.server, "more");
  close(unread_end.client);
  check_end(unread_end.server);
  pass();
}
