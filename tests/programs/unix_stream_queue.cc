// unix(7) stream pair with unread bytes in both directions.
#include <sys/socket.h>

#include "program.h"

int main() {
  int pair[2];
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
  std::string text(70'000, ' ');
  for (size_t i = 0; i < text.size(); i++) text[i] = char(i % 253);
  must(write(pair[0], text.data(), text.size()), "write");
  must(write(pair[1], "back", 4), "write back");
  char first[1000];
  must(read(pair[1], first, sizeof first), "read of a part");
  ready_and_wait();
  std::string got;
  while (got.size() < 69'000) {
    char buffer[8192];
    got.append(buffer, must(recv(pair[1], buffer, sizeof buffer, MSG_DONTWAIT), "recv"));
  }
  check(got == text.substr(1000), "the content has changed");
  char back[8] = {};
  must(recv(pair[0], back, sizeof back, MSG_DONTWAIT), "recv");
  check_equal(back, "back", "the other direction");
  check(recv(pair[0], back, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN, "more than was sent");
  must(write(pair[1], "on", 2), "write");
  check_equal(read(pair[0], back, sizeof back), 2, "bytes sent now");
  pass();
}
