// unix(7) dgram pair: queued messages keep their borders, an empty one too, in both directions.
// modes: not live (an empty message that was peeked at once can't be seen again)
#include <sys/socket.h>

#include "program.h"

int main() {
  int pair[2];
  must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), "socketpair");
  const std::string messages[] = {"one", "", std::string(40'000, 'x'), "four"};
  for (const std::string& message : messages) must(send(pair[0], message.data(), message.size(), 0), "send");
  must(send(pair[1], "back", 4, 0), "send back");
  ready_and_wait();
  std::string buffer(60'000, ' ');
  for (const std::string& message : messages) {
    const ssize_t n = must(recv(pair[1], buffer.data(), buffer.size(), 0), "recv");
    check_equal(buffer.substr(0, n), message, "message");
  }
  check(recv(pair[1], buffer.data(), 1, 0) == -1 && errno == EAGAIN, "one message too many");
  check_equal(must(recv(pair[0], buffer.data(), 100, 0), "recv"), 4, "bytes of the other direction");
  must(send(pair[1], "on", 2, 0), "send");
  check_equal(recv(pair[0], buffer.data(), 100, 0), 2, "bytes sent now");
  pass();
}
