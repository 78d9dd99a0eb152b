// tcp(7): connections on their way (SYN_SENT), to a listener whose filter lets nothing through until it is taken away;
// one that nobody waits for, and one that a thread waits for in connect(2).
#include <linux/filter.h>

#include "tcp.h"

int main() {
  Address address = loopback(AF_INET);
  const int listener = listen_at(address);
  sock_filter nothing{BPF_RET | BPF_K, 0, 0, 0};
  sock_fprog filter{1, &nothing};
  if (setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter))
    skip("it may not filter what it receives");
  const int client = client_of(address);
  must(fcntl(client, F_SETFL, O_NONBLOCK), "F_SETFL");
  check(connect(client, address.get(), address.size) == -1 && errno == EINPROGRESS, "connect does not wait");
  check_equal(tcp_state(client), TCP_SYN_SENT, "state");
  const int waited_for = client_of(address);
  std::thread waits =
      thread_in(SYS_connect, [&] { must(connect(waited_for, address.get(), address.size), "connect that waits"); });
  wait_for_state(waited_for, TCP_SYN_SENT);
  ready_and_wait();
  must(setsockopt(listener, SOL_SOCKET, SO_DETACH_FILTER, &filter, sizeof filter), "SO_DETACH_FILTER");
  pollfd entry{client, POLLOUT, 0};
  check_equal(must(poll(&entry, 1, 50'000), "poll"), 1, "ready descriptors");
  int error = -1;
  socklen_t size = sizeof error;
  must(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size), "SO_ERROR");
  check_equal(error, 0, "what became of it");
  must(fcntl(client, F_SETFL, 0), "F_SETFL");
  waits.join();
  // Which of them came first is chance.
  for (int i = 0; i < 2; i++) {
    Address peer;
    const int server = must(accept(listener, peer.get(), &peer.size), "accept");
    Address own;
    must(getsockname(client, own.get(), &own.size), "getsockname");
    const bool is_first = peer.size == own.size && memcmp(&peer.storage, &own.storage, own.size) == 0;
    check_both_ways({is_first ? client : waited_for, server});
  }
  pass();
}
