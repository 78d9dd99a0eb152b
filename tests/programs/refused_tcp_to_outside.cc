// refused: in state ESTABLISHED; the peer is
// tcp(7): a connection whose other end is held by a process that doesn't belong to the tree.
#include "tcp.h"

int main() {
  const Connection connection = connected();
  const pid_t self = getpid();
  const pid_t parent = child([&] {
    child([&] {
      while (getpgid(getppid()) == self) sleep_ms(1);
      close(connection.client);
      char text[16];
      const ssize_t n = must(recv(connection.server, text, sizeof text, 0), "outsider's recv");
      must(send(connection.server, text, n, 0), "outsider's send");
    });
  });
  check_exit(parent);
  close(connection.server);
  ready_and_wait();
  send_text(connection.client, "outside");
  check_text(connection.client, "outside");
  pass();
}
