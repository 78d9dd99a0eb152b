// tcp(7): connections inside the tree, IPv4, IPv6 and IPv4 mapped to IPv6, with bytes unread at both ends and the
// listener that they came from.
// modes: not user (it takes CAP_NET_ADMIN, TCP_REPAIR)
#include "tcp.h"

struct Served {
  Address address;
  int listener;
  Connection connection;
};

static Served serve(Address address) {
  Served served{address, listen_at(address), {}};
  served.address = address;
  served.connection = connect_at(served.listener, address);
  send_text(served.connection.client, "to the server");
  send_text(served.connection.server, std::string("to the\0client", 13));
  wait_for_delivery(served.connection.client);
  wait_for_delivery(served.connection.server);
  return served;
}

int main() {
  Served all[] = {serve(loopback(AF_INET)), serve(loopback(AF_INET6)), serve(mapped_loopback())};
  ready_and_wait();
  for (Served& served : all) {
    check_text(served.connection.server, "to the server");
    check_text(served.connection.client, std::string("to the\0client", 13));
    check_both_ways(served.connection);
    check_both_ways(connect_at(served.listener, served.address));
    close(served.connection.client);
    check_end(served.connection.server);
  }
  pass();
}
