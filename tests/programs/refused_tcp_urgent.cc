// refused: urgent byte
// tcp(7): an urgent byte that nobody has read yet.
#include "tcp.h"

int main() {
  const Connection connection = connected();
  check_equal(must(send(connection.client, "ab!", 3, MSG_OOB), "send"), 3, "sent bytes");
  wait_for_delivery(connection.client);
  ready_and_wait();
  char byte = 0;
  check_equal(must(recv(connection.server, &byte, 1, MSG_OOB), "recv MSG_OOB"), 1, "urgent bytes");
  check_equal(byte, '!', "the urgent byte");
  check_text(connection.server, "ab");
  check_both_ways(connection);
  pass();
}
