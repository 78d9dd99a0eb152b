// unix(7): a datagram queue with messages of several senders: each keeps its sender's name.
#include <sys/socket.h>
#include <sys/un.h>

#include "program.h"

static int bound(const char* name) {
  sockaddr_un address{AF_UNIX, ""};
  strcpy(address.sun_path, name);
  const int fd = must(socket(AF_UNIX, SOCK_DGRAM, 0), "socket");
  must(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  return fd;
}

int main() {
  sockaddr_un server_name{AF_UNIX, "server"};
  const int server = bound("server"), first = bound("first"), second = bound("second");
  const int nameless = must(socket(AF_UNIX, SOCK_DGRAM, 0), "socket");
  for (int fd : {first, second, nameless, first})
    must(sendto(fd, &fd, sizeof fd, 0, reinterpret_cast<sockaddr*>(&server_name), sizeof server_name), "sendto");
  ready_and_wait();
  const std::pair<int, const char*> expected[] = {
      {first, "first"}, {second, "second"}, {nameless, ""}, {first, "first"}};
  for (const auto& [fd, name] : expected) {
    int got = 0;
    sockaddr_un from{};
    socklen_t size = sizeof from;
    must(recvfrom(server, &got, sizeof got, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size), "recvfrom");
    check_equal(got, fd, "content");
    check_equal(from.sun_path, name, "sender");
  }
  pass();
}
