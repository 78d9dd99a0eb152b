// tcp(7): more than a hundred ends, and the one listener that they came from.
// modes: not user (it takes CAP_NET_ADMIN, TCP_REPAIR)
#include <vector>

#include "tcp.h"

int main() {
  Address address = loopback(AF_INET);
  const int listener = listen_at(address);
  std::vector<Connection> all;
  for (int i = 0; i < 60; i++) {
    all.push_back(connect_at(listener, address));
    send_text(all.back().client, std::to_string(i));
    wait_for_delivery(all.back().client);
  }
  ready_and_wait();
  for (int i = 0; i < 60; i++) {
    check_text(all[i].server, std::to_string(i));
    check_both_ways(all[i]);
  }
  pass();
}
