// unix(7): a connection at an abstract name, while its listener still has it, and one whose peer has gone: names, data,
// and whose they are.
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "program.h"

int main() {
  sockaddr_un address{AF_UNIX, ""};
  const std::string text = std::string(1, '\0') + "cairn-connected-" + std::to_string(getpid());
  memcpy(address.sun_path, text.data(), text.size());
  const socklen_t length = offsetof(sockaddr_un, sun_path) + text.size();
  auto* name = reinterpret_cast<sockaddr*>(&address);
  const int listener = must(socket(AF_UNIX, SOCK_SEQPACKET, 0), "socket");
  must(bind(listener, name, length), "bind");
  must(listen(listener, 2), "listen");
  const auto connected = [&] {
    const int own = must(socket(AF_UNIX, SOCK_SEQPACKET, 0), "socket");
    must(connect(own, name, length), "connect");
    return own;
  };
  const int leaving = connected(), alone = must(accept(listener, nullptr, nullptr), "accept");
  must(send(leaving, "will", 4, 0), "send");
  close(leaving);
  const pid_t client = child_in(SYS_recvfrom, [&] {
    const int own = connected();
    must(send(own, "early", 5, 0), "child's send");
    char answer[8] = {};
    must(recv(own, answer, sizeof answer, 0), "child's recv");
    check_equal(answer, "answer", "what the child got");
    sockaddr_un peer{};
    socklen_t size = sizeof peer;
    must(getpeername(own, reinterpret_cast<sockaddr*>(&peer), &size), "getpeername");
    check_equal(size, length, "length of the peer's name");
    check(memcmp(&peer, &address, length) == 0, "the peer's name has changed");
  });
  const int server = must(accept(listener, nullptr, nullptr), "accept");
  ready_and_wait();
  char got[8] = {};
  check_equal(must(recv(alone, got, sizeof got, 0), "recv of the will"), 4, "bytes of the will");
  check_equal(must(recv(alone, got, sizeof got, 0), "recv after it"), 0, "bytes after the will");
  check_equal(must(recv(server, got, sizeof got, 0), "recv"), 5, "bytes");
  must(send(server, "answer", 6, 0), "send");
  check_exit(client);
  const int later = connected();
  must(send(later, "now", 3, 0), "send of a new client");
  check_equal(must(recv(must(accept(listener, nullptr, nullptr), "accept"), got, sizeof got, 0), "recv"), 3,
              "new bytes");
  pass();
}
