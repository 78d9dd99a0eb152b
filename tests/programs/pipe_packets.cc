// pipe(7) in packet mode (O_DIRECT): each write stays a packet of its own.
#include "program.h"

int main() {
  int ends[2];
  must(pipe2(ends, O_DIRECT | O_NONBLOCK), "pipe2");
  const std::string packets[] = {"a", "bcd", std::string(4096, 'e'), "fg"};
  for (const std::string& packet : packets) must(write(ends[1], packet.data(), packet.size()), "write");
  ready_and_wait();
  char buffer[8192];
  for (const std::string& packet : packets) {
    const ssize_t n = must(read(ends[0], buffer, sizeof buffer), "read");
    check_equal(size_t(n), packet.size(), "size of a packet");
    check(memcmp(buffer, packet.data(), n) == 0, "a packet's content has changed");
  }
  check(read(ends[0], buffer, 1) == -1 && errno == EAGAIN, "more packets than were sent");
  must(write(ends[1], "hi", 2), "write");
  must(write(ends[1], "jk", 2), "write");
  check_equal(read(ends[0], buffer, sizeof buffer), 2, "a packet written now");
  pass();
}
