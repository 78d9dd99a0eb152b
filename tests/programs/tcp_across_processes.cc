// tcp(7): the ends of a connection in two processes, each asleep until the other speaks: in recv(2), and in
// epoll_wait(2) with something unread before and after.
// modes: not user (it takes CAP_NET_ADMIN, TCP_REPAIR)
#include <sys/epoll.h>

#include "tcp.h"

static void wait_readable(int poller) {
  epoll_event event{};
  check_equal(must(epoll_wait(poller, &event, 1, 50'000), "epoll_wait"), 1, "ready descriptors");
  check((event.events & EPOLLIN) != 0, "events are %#x", event.events);
}

int main() {
  const Connection connection = connected();
  const pid_t echo = child_in(SYS_recvfrom, [&] {
    close(connection.client);
    char text[64];
    for (ssize_t n; (n = recv(connection.server, text, sizeof text, 0)) > 0;)
      must(send(connection.server, text, n, 0), "send");
  });
  close(connection.server);
  const Connection other = connected(AF_INET6);
  const int poller = must(epoll_create1(0), "epoll_create1");
  epoll_event event{EPOLLIN, {}};
  must(epoll_ctl(poller, EPOLL_CTL_ADD, other.server, &event), "epoll_ctl");
  send_text(other.client, "unread before");
  wait_for_delivery(other.client);
  ready_and_wait();
  wait_readable(poller);
  check_text(other.server, "unread before");
  send_text(other.client, "after");
  wait_readable(poller);
  check_text(other.server, "after");
  send_text(connection.client, "echo");
  check_text(connection.client, "echo");
  close(connection.client);
  check_exit(echo);
  pass();
}
