// tcp(7): 1,000 ends.
// modes: not user (it takes CAP_NET_ADMIN, TCP_REPAIR)
#include <sys/resource.h>

#include <vector>

#include "tcp.h"

int main() {
  rlimit limit{};
  must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  if (limit.rlim_max < 1100) skip("it may not have 1,100 descriptors");
  limit.rlim_cur = 1100;
  must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
  Address address = loopback(AF_INET);
  const int listener = listen_at(address);
  std::vector<Connection> all;
  for (int i = 0; i < 500; i++) {
    all.push_back(connect_at(listener, address));
    send_text(all.back().client, std::to_string(i));
    wait_for_delivery(all.back().client);
  }
  ready_and_wait();
  for (int i = 0; i < 500; i++) {
    check_text(all[i].server, std::to_string(i));
    check_both_ways(all[i]);
  }
  pass();
}
